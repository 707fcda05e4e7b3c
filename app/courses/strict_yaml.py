"""The small part of YAML in which courses are written: every scalar is text, and there is one way to write a thing.

Stock YAML reads `NO` as false, `042` as 34 and keeps the second of two equal keys. Here nothing is guessed: references,
tags and doubled keys are refused, and every value knows its line and column. The writer is the reader's inverse.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pydantic
import yaml

from app.courses.problems import Problem

Path = tuple[str | int, ...]
Content = TypeVar("Content", bound=pydantic.BaseModel)

# ---- reading -------------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Composes nodes only; what a scalar means is the model's matter, so nothing is resolved and nothing constructed."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 as PyYAML declares it


@dataclass
class Document:
    """What one YAML text says, and where it says it."""

    file: str
    data: Any = None
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column of a value, or of its key; of the nearest parent when the value is not there.

        Parts of the path that the text does not have (names of variants) are left out.
        """
        here: Path = ()
        for part in path:
            if (*here, part) in self.values:
                here = (*here, part)
        if key and here and here in self.keys:
            return self.keys[here]
        return self.values.get(here, (1, 1))

    def problem(self, path: Path, reason: str, *, key: bool = False) -> Problem:
        return Problem(self.file, *self.place(path, key=key), reason)


def read(text: str, file: str, *, first_line: int = 1) -> Document:
    """Read a YAML text; what cannot be read is in `problems`, all of it that can be found at once.

    `first_line` is the line of the file on which the text begins, so that front matter reports its own lines.
    """
    document = Document(file)
    offset = first_line - 1

    def at(mark: Any) -> tuple[int, int]:
        return mark.line + 1 + offset, mark.column + 1

    def wrong(mark: Any, reason: str) -> None:
        document.problems.append(Problem(file, *at(mark), reason))

    def value_of(node: yaml.Node, path: Path) -> Any:
        document.values[path] = at(node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            if node.tag != "tag:yaml.org,2002:str" and not (node.tag == "!" and node.style):
                wrong(node.start_mark, f"the tag {node.tag} is not allowed; write the plain value")
            # The line end that closes a block of lines belongs to the file, not to the text.
            return node.value.rstrip("\n") if node.style in ("|", ">") else node.value
        if isinstance(node, yaml.SequenceNode):
            return [value_of(item, (*path, number)) for number, item in enumerate(node.value)]
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                wrong(key.start_mark, "a key must be a word, not a list or a mapping")
            elif key.value in found:
                line = document.keys[(*path, key.value)][0]
                wrong(key.start_mark, f"«{key.value}» is already given on line {line}; keep one of the two")
            else:
                document.keys[(*path, key.value)] = at(key.start_mark)
                found[key.value] = value_of(value, (*path, key.value))
        return found

    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1 + offset
        document.problems.append(Problem(file, line, 1, "there is an invisible control character here; delete it"))
        return document
    try:
        for mark in _references(text):
            wrong(mark, "references (&name and *name) are not allowed; write the value out")
        if not document.problems:
            node = loader.get_single_node()
            if node is None:
                document.problems.append(Problem(file, first_line, 1, "there is nothing in this file"))
            else:
                document.data = value_of(node, ())
    except yaml.MarkedYAMLError as error:
        wrong(error.problem_mark or error.context_mark, _plain(error))
    except yaml.YAMLError:
        document.problems.append(
            Problem(file, first_line, 1, "there is an invisible control character here; delete it")
        )
    except RecursionError:
        document.problems.append(Problem(file, first_line, 1, "lists stand in lists too deeply to be read"))
    finally:
        loader.dispose()
    return document


def _references(text: str) -> Iterator[Any]:
    for token in yaml.scan(text, Loader=_Loader):
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
            yield token.start_mark


def _plain(error: yaml.MarkedYAMLError) -> str:
    """A parser's message in words for an author."""
    what = (error.problem or "").replace("<", "").replace(">", "")
    hints = {
        "mapping values are not allowed here": "a colon followed by a space stands inside a plain text; put the text between double quotes",
        "could not find expected ':'": "a key has no colon after it, or a text begins at the start of a line; check the line above",
        "found unexpected end of stream": "a quotation mark or bracket is opened and never closed",
        "while scanning a quoted scalar": "a quotation mark is opened and never closed",
        "found character '\\t' that cannot start any token": "there is a tab; indent with spaces",
        "expected a single document in the stream": "a line of three dashes begins a second document; delete it",
        "but found another document": "a line of three dashes begins a second document; delete it",
    }
    for sign, hint in hints.items():
        if sign in what or sign in (error.context or ""):
            return hint
    if "found character" in what and "cannot start any token" in what:
        return f"{what.replace('found character', 'a text may not begin with').replace(' that cannot start any token', '')}; put it between double quotes"
    return f"this is not well-formed: {what}; check brackets, quotation marks and indentation"


# ---- from data to a model ------------------------------------------------------------------------------------------


def check(document: Document, shape: type[Content] | pydantic.TypeAdapter[Content], path: Path = ()) -> Content | None:
    """The part of a document at `path` as a model; None when it is wrong, with the reasons added to the document."""
    data = document.data
    for part in path:
        data = data[part]
    adapter = shape if isinstance(shape, pydantic.TypeAdapter) else pydantic.TypeAdapter(shape)
    try:
        return adapter.validate_python(data)
    except pydantic.ValidationError as error:
        known = _keys_of(adapter)
        for fault in error.errors(include_url=False):
            document.problems.append(_fault(document, path, fault, known))
        return None


def _keys_of(adapter: pydantic.TypeAdapter[Any]) -> list[str]:
    schema = adapter.json_schema()
    return sorted({name for part in (schema, *schema.get("$defs", {}).values()) for name in part.get("properties", {})})


def _fault(document: Document, path: Path, fault: Any, known: Sequence[str]) -> Problem:
    where: Path = (*path, *fault["loc"])
    name = next((str(part) for part in reversed(fault["loc"]) if isinstance(part, str)), "")
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "missing":
        return document.problem(where, f"«{name}» is missing; add it")
    if kind == "extra_forbidden":
        return document.problem(where, f"«{name}» is not known here; {_instead(name, known)}", key=True)
    given = fault.get("input")
    shown = f"«{given}»" if isinstance(given, str) and len(given) < 40 else "this value"
    match kind:
        case "string_too_short" | "too_short":
            reason = (
                f"«{name}» is empty; fill it in"
                if context.get("min_length", 1) == 1
                else f"«{name}» needs at least {context['min_length']}"
            )
        case "too_long":
            reason = f"«{name}» may have at most {context['max_length']}, here are {context['actual_length']}"
        case "literal_error" | "union_tag_invalid":
            where = (*where, "type") if kind == "union_tag_invalid" else where
            shown = f"«{context['tag']}»" if "tag" in context else shown
            allowed = (
                str(context.get("expected") or context.get("expected_tags")).replace("'", "").replace(" or ", ", ")
            )
            reason = f"{shown} is not one of: {allowed}"
        case "union_tag_not_found":
            reason = "«type» is missing; add it"
        case "value_error" | "assertion_error":
            reason = str(context["error"])
        case "string_pattern_mismatch":
            reason = f"{shown} is not in the form of «{name}»: {context['pattern']}"
        case "model_type" | "dict_type" | "model_attributes_type":
            reason = (
                f"«{name}» must be a mapping, with a key on each line below it"
                if name
                else "a mapping is expected here"
            )
        case "tuple_type" | "list_type":
            reason = f"«{name}» must be a list" if name else "this file must be a list, each item beginning with a dash"
        case "string_type":
            reason = f"«{name}» must be one text, not a list or a mapping"
        case "int_parsing" | "int_type" | "decimal_parsing" | "float_parsing" | "int_from_float":
            reason = f"{shown} is not a number"
        case "date_from_datetime_parsing" | "date_parsing" | "date_type" | "date_from_datetime_inexact":
            reason = f"{shown} is not a day; write it like 2026-11-21"
        case "greater_than_equal" | "greater_than":
            reason = f"{shown} is too small; at least {context.get('ge', context.get('gt'))}"
        case "less_than_equal" | "less_than":
            reason = f"{shown} is too large; at most {context.get('le', context.get('lt'))}"
        case _:
            reason = f"{shown}: {fault['msg']}"
    return document.problem(where, reason)


def _instead(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean «{near[0]}»?" if near else "delete it or check its spelling"


# ---- writing -------------------------------------------------------------------------------------------------------

# A scalar may stand without quotation marks when no reader could take it for anything else.
_PLAIN = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=~\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff][^\n\r\t\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")
_NOT_PLAIN = re.compile(r": | #|:$|\s$")
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]')
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


class OneLine(dict[str, Any]):
    """A mapping that is written on one line: `{outcome: line, items: 1}`."""


class Lines(str):
    """A text that is always written as a block of lines, however short."""


def write(data: Any, indent: int = 0) -> str:
    """A mapping or list as the lines of a file, in the one canonical form."""
    margin = " " * indent
    lines = []
    if isinstance(data, Mapping):
        for key, value in data.items():
            lines.append(f"{margin}{key}:{_after_key(value, indent + 2)}")
    else:
        for value in data:
            body = f"{margin}- {_flow(value)}\n" if _flows(value) else write(value, indent + 2)
            lines.append(f"{margin}- {body[indent + 2 :]}")
    return "".join(lines)


def _after_key(value: Any, indent: int) -> str:
    if isinstance(value, str) and (isinstance(value, Lines) or "\n" in value) and _fits_block(value):
        return " |\n" + "".join(f"{' ' * indent}{line}\n" if line else "\n" for line in value.split("\n"))
    if _flows(value):
        return f" {_flow(value)}\n"
    return "\n" + write(value, indent)


def _fits_block(text: str) -> bool:
    return (
        text.strip() == text
        and text != ""
        and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]| $", text, re.MULTILINE)
    )


def _flows(value: Any) -> bool:
    if isinstance(value, OneLine):
        return True
    if isinstance(value, Mapping):
        return False
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(isinstance(item, str | int) for item in value)
    return True


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {scalar(item, flow=True)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(scalar(item, flow=True) for item in value) + "]"
    return scalar(value)


def scalar(value: Any, *, flow: bool = False) -> str:
    """One value as it stands after a key."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    bare = _PLAIN.fullmatch(text) and not _NOT_PLAIN.search(text) and not (flow and re.search(r"[,\[\]{}:?]", text))
    return text if bare else '"' + _ESCAPED.sub(lambda sign: _SHORT.get(sign[0], f"\\u{ord(sign[0]):04x}"), text) + '"'
