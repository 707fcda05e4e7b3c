"""A lesson's body: pages of blocks, from CommonMark with a few directives (docs/course-format.md).

`read` finds the pages, blocks and everything that is wrong, with lines. `page_of` turns one page into clean HTML. Raw
HTML is never let through: the Markdown reader escapes it, and nh3 removes whatever is not on a short list all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

# ---- the source ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """Ordinary Markdown."""

    shape: ClassVar[str] = "words"
    line: int
    text: str


@dataclass(frozen=True)
class Remark:
    """A framed note or warning."""

    shape: ClassVar[str] = "remark"
    line: int
    kind: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A picture of the course's media folder, with a numbered key below it."""

    shape: ClassVar[str] = "figure"
    line: int
    file: str
    alt: str
    caption: str
    description: str = ""
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A question to oneself: never stored, never counted."""

    shape: ClassVar[str] = "check"
    line: int
    question: str
    choices: tuple[str, ...]
    answer: int
    right: str
    wrong: str


@dataclass(frozen=True)
class Reveal:
    """Markdown that opens on demand."""

    shape: ClassVar[str] = "reveal"
    line: int
    summary: str
    text: str


Block = Words | Remark | Figure | Check | Reveal


@dataclass(frozen=True)
class Page:
    """One page of a lesson: its level-2 heading and what stands below it."""

    line: int
    title: str
    blocks: tuple[Block, ...]


@dataclass
class Body:
    """A lesson's body in one language; lines count from 1 at the first line of the body."""

    pages: list[Page] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)

    @property
    def figures(self) -> list[Figure]:
        return [block for page in self.pages for block in page.blocks if isinstance(block, Figure)]


DIRECTIVES = ("note", "warning", "figure", "check", "reveal")

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_OPENS = re.compile(r":::[ \t]*([A-Za-z][\w-]*)[ \t]*(.*?)[ \t]*")
_CHOICE = re.compile(r"\(([ xX])\)[ \t]+(.+)")
_FIELD = re.compile(r"([a-z]+):[ \t]*(.*?)[ \t]*")


def read(body: str) -> Body:
    """Cut a lesson's body into pages and blocks."""
    found = Body()
    title: tuple[int, str] | None = None
    blocks: list[Block] = []
    words: list[str] = []
    words_line = 1
    fence, fence_line = "", 0
    lines = body.split("\n")
    number = 0

    def wrong(line: int, reason: str) -> None:
        found.problems.append((line, reason))

    def end_of_words() -> None:
        text = "\n".join(words).strip("\n")
        if text.strip():
            first = words_line + next(index for index, line in enumerate(words) if line.strip())
            found.problems.extend((first + line, reason) for line, reason in _faults(text))
            blocks.append(Words(first, text))
        words.clear()

    def end_of_page() -> None:
        end_of_words()
        if title is not None:
            if not blocks:
                wrong(title[0], "this page has a heading and nothing else; write its text or delete the heading")
            found.pages.append(Page(*title, tuple(blocks)))
        elif blocks:
            wrong(blocks[0].line, "text stands before the first page; begin each page with a heading of level 2 (## …)")
        blocks.clear()

    while number < len(lines):
        line = lines[number]
        number += 1
        if not words:
            words_line = number
        if fence:
            words.append(line)
            if (mark := _FENCE.match(line)) and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if mark := _FENCE.match(line):
            fence, fence_line = mark[1], number
        elif (heading := _HEADING.fullmatch(line)) and len(heading[1]) <= 2:
            text = (heading[2] or "").strip()
            if len(heading[1]) == 1:
                wrong(number, "a heading of level 1 (#) is the course's own; begin pages with ## and parts with ###")
            elif not text:
                wrong(number, "this heading is empty; write the page's title after ##")
            end_of_page()
            title = (number, text)
            continue
        elif line.lstrip().startswith(":::"):
            if not line.startswith(":::"):
                wrong(number, "::: must stand at the start of its line; delete the spaces before it")
                continue
            opening = _OPENS.fullmatch(line)
            if not opening:
                wrong(number, "nothing is open here that ::: could close; write a name after it or delete the line")
                continue
            start = number
            inner: list[str] = []
            while number < len(lines) and lines[number].rstrip() != ":::":
                if lines[number].startswith(":::"):
                    wrong(number + 1, f"a directive cannot stand inside «{opening[1]}»; close that with ::: first")
                inner.append(lines[number])
                number += 1
            if number == len(lines):
                wrong(start, f"«{opening[1]}» is never closed; put ::: on a line of its own after it")
            number += 1
            end_of_words()
            block = _directive(opening[1], opening[2], inner, start, found.problems)
            if block:
                blocks.append(block)
            continue
        words.append(line)
    if fence:
        wrong(fence_line, f"a code block is opened with {fence} and never closed")
    end_of_page()
    if not found.pages and not found.problems:
        wrong(1, "the lesson has no page; begin one with a heading of level 2 (## …)")
    return found


def _directive(name: str, rest: str, inner: list[str], line: int, problems: list[tuple[int, str]]) -> Block | None:
    text = "\n".join(inner).strip("\n")
    if name not in DIRECTIVES:
        problems.append((line, f"«{name}» is not known; the directives are {', '.join(DIRECTIVES)}"))
        return None
    if not text.strip():
        problems.append((line, f"this {name} is empty; write its lines between the two :::"))
        return None
    if name == "figure":
        return _figure(rest, inner, line, problems)
    if name == "check":
        if rest:
            problems.append((line, "nothing may stand after «check» on its line; the question begins on the next line"))
        return _check(inner, line, problems)
    skipped = next(index for index, part in enumerate(inner) if part.strip())
    problems.extend((line + 1 + skipped + offset, reason) for offset, reason in _faults(text, headings=False))
    if name == "reveal":
        if not rest:
            problems.append(
                (line, "say after «reveal» what the reader opens, for example: :::reveal What would you do?")
            )
        return Reveal(line, rest, text)
    if rest:
        problems.append((line, f"nothing may stand after «{name}» on its line; its text begins on the next line"))
    return Remark(line, name, text)


def _figure(file: str, inner: list[str], line: int, problems: list[tuple[int, str]]) -> Figure | None:
    given: dict[str, str] = {}
    key: list[str] = []
    before = len(problems)
    if not file:
        problems.append((line, "name the picture after «figure», for example: :::figure car-zones.svg"))
    for number, text in enumerate(inner, line + 1):
        if not text.strip():
            continue
        part = _FIELD.fullmatch(text)
        if not part or part[1] not in ("alt", "caption", "description", "key"):
            problems.append((number, "a line of a figure begins with alt:, caption:, description: or key:"))
        elif not part[2]:
            problems.append((number, f"«{part[1]}» is empty; write it on the same line"))
        elif part[1] == "key":
            key.append(part[2])
        elif part[1] in given:
            problems.append((number, f"«{part[1]}» is given twice; keep one of the two"))
        else:
            given[part[1]] = part[2]
        if part:
            problems.extend((number, reason) for _, reason in _faults(part[2], headings=False))
    if "alt" not in given:
        problems.append((line, "the figure has no alternative text; add a line alt: that says what the picture shows"))
    if "caption" not in given:
        problems.append((line, "the figure has no caption; add a line caption:"))
    if len(problems) > before:
        return None
    return Figure(line, file, given["alt"], given["caption"], given.get("description", ""), tuple(key))


def _check(inner: list[str], line: int, problems: list[tuple[int, str]]) -> Check | None:
    question: list[str] = []
    choices: list[str] = []
    answers: list[int] = []
    given: dict[str, str] = {}
    before = len(problems)
    for number, text in enumerate(inner, line + 1):
        part = _FIELD.fullmatch(text)
        if choice := _CHOICE.fullmatch(text.rstrip()):
            if choice[1] != " ":
                answers.append(len(choices))
            choices.append(choice[2])
            problems.extend((number, reason) for _, reason in _faults(choice[2], headings=False))
        elif part and part[1] in ("right", "wrong"):
            if part[1] in given:
                problems.append((number, f"«{part[1]}» is given twice; keep one of the two"))
            if not part[2]:
                problems.append((number, f"«{part[1]}» is empty; say in a sentence why"))
            given[part[1]] = part[2]
            problems.extend((number, reason) for _, reason in _faults(part[2], headings=False))
        elif not choices and not given:
            question.append(text)
            problems.extend((number, reason) for _, reason in _faults(text, headings=False))
        elif text.strip():
            problems.append((number, "after the question come only choices, ( ) or (x), then right: and wrong:"))
    if not "".join(question).strip():
        problems.append((line, "the check has no question; write it before the choices"))
    if len(choices) < 2:
        problems.append((line, "a check needs at least two choices, each on its own line: ( ) or (x) and its text"))
    elif len(answers) != 1:
        problems.append((line, f"mark exactly one choice with (x); here are {len(answers)}"))
    for name in ("right", "wrong"):
        if name not in given:
            problems.append((line, f"add a line {name}: that says why"))
    if len(problems) > before:
        return None
    return Check(line, "\n".join(question).strip(), tuple(choices), answers[0], given["right"], given["wrong"])


@lru_cache(maxsize=1024)
def pages(body: str) -> tuple[Page, ...]:
    """The pages of a published lesson, which never changes: read once by each process."""
    return tuple(read(body).pages)


def shape_of(block: Block) -> tuple[Any, ...]:
    """What all languages of a block must share."""
    match block:
        case Remark():
            return (block.kind,)
        case Figure():
            return ("figure", block.file, len(block.key))
        case Check():
            return ("check", len(block.choices), block.answer)
        case Reveal():
            return ("reveal",)
        case Words():
            return ("text",)


# ---- to HTML -------------------------------------------------------------------------------------------------------

TAGS = {
    "p",
    "br",
    "hr",
    "ul",
    "ol",
    "li",
    "strong",
    "code",
    "pre",
    "blockquote",
    "h2",
    "h3",
    "h4",
    "h5",
    "a",
    "s",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "div",
}
ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),
    "a": {"href"},
    "ol": {"start"},
    "th": {"scope"},
    "code": {"dir"},
    "pre": {"dir"},
}
CLASSES = {"div": {"t-wrap"}, "table": {"t"}, "th": {"n"}, "td": {"n"}, "code": {"code", "ltr"}, "pre": {"code", "ltr"}}


class _Html(RendererHTML):
    """As the sheet wants it: tables that scroll in their panel, no inline style, codes that read from the left."""

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return '<div class="t-wrap"><table class="t">\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</table></div>\n"

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f'<code class="code ltr" dir="ltr">{nh3.clean_text(tokens[idx].content)}</code>'

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f'<pre class="code ltr" dir="ltr">{nh3.clean_text(tokens[idx].content)}</pre>\n'

    code_block = fence


def _aligned(state: Any) -> None:
    """Column alignment is a class: an inline style would be refused by the page's policy. An empty head is an ordinary cell."""
    for token, inside, end in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if token.type == "th_open" and not inside.content.strip():
            token.tag = end.tag = "td"
    for token in state.tokens:
        if token.type in ("th_open", "td_open"):
            style = str(token.attrs.pop("style", ""))
            if "right" in style:
                token.attrSet("class", "n")
            if token.tag == "th":
                token.attrSet("scope", "col")


def _outward(state: Any) -> None:
    """One heading level up: the page's title is the h1. Emphasis is by weight alone: Arabic script has no italics."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{max(2, int(token.tag[1]) - 1)}"
        for child in token.children or ():
            if child.tag == "em":
                child.tag = "strong"


_markdown = (
    MarkdownIt("commonmark", {"html": False}, renderer_cls=_Html).enable(["table", "strikethrough"]).disable("image")
)
_markdown.core.ruler.push("aligned", _aligned)
_markdown.core.ruler.push("outward", _outward)
_suspicious = MarkdownIt("commonmark", {"html": True}).enable("table")


def _whole_address(element: str, attribute: str, value: str) -> str | None:
    """Only whole addresses: a relative one would lead into this site's own pages, and forms have buttons for that."""
    return None if attribute == "href" and not value.startswith(("http://", "https://", "mailto:")) else value


_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    allowed_classes=CLASSES,
    attribute_filter=_whole_address,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer",
)


@lru_cache(maxsize=4096)
def html(text: str) -> Markup:
    """Markdown as clean HTML."""
    return Markup(_cleaner.clean(_markdown.render(text)))  # noqa: S704 cleaned in this line


@lru_cache(maxsize=8192)
def inline(text: str) -> Markup:
    """Markdown of one line, without a paragraph round it."""
    return Markup(_cleaner.clean(_markdown.renderInline(text)))  # noqa: S704 cleaned in this line


def _faults(text: str, *, headings: bool = True) -> Iterator[tuple[int, str]]:
    """What a piece of Markdown may not hold, as (line from 0, reason)."""

    def walk(tokens: Sequence[Token], line: int) -> Iterator[tuple[int, str]]:
        for token in tokens:
            at = token.map[0] if token.map else line
            if token.type in ("html_block", "html_inline"):
                shown = token.content.strip().split("\n")[0][:30]
                yield at, f"raw HTML is not allowed: {shown}; write Markdown, or put codes between backquotes"
            elif token.type == "image":
                yield at, "a picture needs a figure (:::figure file) so that it has its alternative text and licence"
            elif token.type == "heading_open" and not headings:
                yield at, "a heading cannot stand here; write bold text"
            elif token.type == "heading_open" and token.tag in ("h1", "h2"):
                yield (
                    at,
                    "a heading of level 1 or 2 stands in a list or quotation, or is made by a line of dashes below a text; begin pages with ##",
                )
            yield from walk(token.children or (), at)

    yield from walk(_suspicious.parse(text), 0)
