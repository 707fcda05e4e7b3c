"""Bring the catalogues up to date with the texts in the code; `--check` names what is missing in complete languages.

    python tools/catalogues.py            read every text out of app/, update app/translations/<tag>/LC_MESSAGES/messages.po
    python tools/catalogues.py kk         the same for one language
    python tools/catalogues.py --check    change nothing; exit 1 and name every text that a complete language lacks
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "app" / "translations"
COMPLETE = ("ru", "kk")
PARTIAL = ("prs",)
LOCALES = {"ru": "ru", "kk": "kk", "prs": "fa_AF"}
KEYWORDS = {"t": ((1, "c"), 2), "nt": ((1, "c"), 2, 3), "say": ((1, "c"), 2), "message": ((1, "c"), 2), "label": ((1, "c"), 2)}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2"), ("templates/**.svg", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "encoding": "utf-8"}}


def template() -> Catalog:
    """Every text in the code, with its places."""
    catalogue = Catalog(project="Sabaq", charset="utf-8")
    found = extract_from_dir(str(ROOT / "app"), METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True)
    for name, line, text, comments, context in found:
        catalogue.add(text, None, [(f"app/{name}", line)], auto_comments=comments, context=context)
    return catalogue


def path_of(tag: str) -> Path:
    """Where a language's catalogue is."""
    return FOLDER / tag / "LC_MESSAGES" / "messages.po"


def stored(tag: str) -> Catalog:
    """A language's catalogue as it is; an empty one when there is none."""
    if not path_of(tag).exists():
        return Catalog(locale=LOCALES[tag], project="Sabaq", charset="utf-8")
    with path_of(tag).open("rb") as file:
        return read_po(file, locale=LOCALES[tag])


def update(tags: Iterable[str] = COMPLETE + PARTIAL) -> None:
    """Add new texts, drop those that are gone, keep what is translated."""
    new = template()
    for tag in tags:
        catalogue = stored(tag)
        catalogue.update(new, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        path_of(tag).parent.mkdir(parents=True, exist_ok=True)
        with path_of(tag).open("wb") as file:
            write_po(file, catalogue, width=140, omit_header=False, ignore_obsolete=True, include_lineno=False, sort_output=True)


def _texts(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, (list, tuple)) else [str(value)] if value else []


def _braces(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def problems_of(message: Message, translated: Message | None, plurals: int) -> list[str]:
    """What is wrong with one translated text: missing, missing plural form, other braces than the original."""
    originals, texts = _texts(message.id), _texts(translated.string if translated else "")
    wanted = plurals if message.pluralizable else 1
    if len([text for text in texts if text]) < wanted:
        return ["missing" if not any(texts) else f"has {len([x for x in texts if x])} of {wanted} plural forms"]
    allowed = set().union(*(_braces(text) for text in originals))
    needed = set.intersection(*(_braces(text) for text in originals)) - {"n"}
    return [f"braces differ: {text}" for text in texts if not needed <= _braces(text) <= allowed]


def check(tags: tuple[str, ...] = COMPLETE) -> list[str]:
    """Every fault of the languages that must be complete, each with its place."""
    faults = []
    new = template()
    for tag in tags:
        catalogue = stored(tag)
        for message in new:
            if not message.id:
                continue
            key = message.id if isinstance(message.id, str) else message.id[0]
            for fault in problems_of(message, catalogue.get(key, message.context), catalogue.num_plurals):
                place = message.locations[0] if message.locations else ("?", 0)
                faults.append(f"{tag}: {place[0]}:{place[1]}: [{message.context}] {key!r}: {fault}")
    return faults


if __name__ == "__main__":
    if "--check" in sys.argv:
        wrong = check()
        sys.stdout.write("\n".join(wrong[:200]) + f"\n{len(wrong)} faults\n")
        sys.exit(bool(wrong))
    update([word for word in sys.argv[1:] if word in LOCALES] or COMPLETE + PARTIAL)
