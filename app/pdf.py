"""Paper: HTML to PDF by WeasyPrint, behind a fence that lets in bundled files only, in fonts of ours only."""

from __future__ import annotations

import atexit
import io
import threading
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flask import render_template
from markupsafe import Markup

from app import i18n
from app.assets import FOLDER
from app.errors import DomainError, Invalid, say
from app.sheets import Sheet, about, whole

SCHEME = "asset:/"  # asset:/PATH is the file of that path under app/static
FONTS = "print-fonts/fonts.css"
CHAINS = {  # as print-fonts/fonts.css tells; both weights of a face hold the same letters
    "sans": ("noto-sans-400.ttf", "noto-naskh-arabic-400.ttf"),
    "serif": ("noto-serif-400.ttf", "noto-naskh-arabic-400.ttf"),
}
PACKAGES = {
    "pangoft2": "libpangoft2-1.0-0", "pango": "libpango-1.0-0", "harfbuzz-subset": "libharfbuzz-subset0", "harfbuzz": "libharfbuzz0b",
    "gobject": "libglib2.0-0", "fontconfig": "libfontconfig1",
}
TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".ttf": "font/ttf"}

_one_at_a_time = threading.Lock()  # Pango's font map is not made for several threads


class PaperUnavailable(DomainError):
    """This machine cannot make PDF files; its pages work all the same."""

    def __init__(self, package: str) -> None:
        super().__init__(
            say(
                "paper",
                "This machine cannot make PDF files yet: the Debian package {package} is missing. Use Print of the browser until it is installed.",
                package=package,
            )
        )


class MissingGlyph(Invalid):
    """A letter that no print font has: printing stops, so that no paper shows an empty box."""

    def __init__(self, letters: Sequence[str]) -> None:
        self.letters = letters
        names = ", ".join(f"“{letter}” (U+{ord(letter):04X} {unicodedata.name(letter, 'without a name')})" for letter in letters[:5])
        super().__init__(say("paper", "The print fonts lack {letters}. Nothing was printed.", letters=names))


class OutsideTheFence(RuntimeError):
    """A paper asked for something that is not a bundled file: a fault of its template."""


# ---- writing ---------------------------------------------------------------------------------------------------------


def paper(template: str, *, language: str, title: str, styles: Sequence[str] = ("print.css",), chains: Sequence[str] = ("sans",),
          body_class: str = "", **facts: Any) -> bytes:
    """A PDF of a template that holds what stands on the paper, in a language of its own.

    The template gets plain values; a name that it does not get is an error (StrictUndefined is set for the whole app).
    """
    with i18n.speaking(language):
        body = render_template(template, **facts)
    return write(body, language=language, title=title, styles=styles, chains=chains, body_class=body_class)


def write(
    html: str, *, language: str, title: str, styles: Sequence[str] = ("print.css",), chains: Sequence[str] = ("sans",),
    body_class: str = "", finish: Callable[[Any, Any], None] | None = None,
) -> bytes:
    """A PDF of the body of a page. Tagged for screen readers (PDF/UA-1), with its language and title.

    `styles` are files under app/static; `chains` says which fonts it uses (see CHAINS). Pictures are asset:/PATH or
    data:image. `finish` is WeasyPrint's finisher: it may change the made document before it is written. Raises MissingGlyph for a letter that these fonts lack, OutsideTheFence for anything from elsewhere,
    PaperUnavailable where Pango is missing. Slow: never call it while the write lock is held.
    """
    if missing := missing_glyphs(_text_of(html) + title, chains):
        raise MissingGlyph(missing)
    HTML, fatal = _weasyprint()
    known = i18n.LANGUAGES.get(language)
    document = Markup(
        '<!doctype html><html lang="{lang}" dir="{dir}"><head><meta charset="utf-8"><title>{title}</title></head>'
        '<body class="{body_class}">{html}</body></html>'
    ).format(lang=language, dir="rtl" if known and known.rtl else "ltr", title=title, body_class=body_class, html=Markup(html))  # noqa: S704  (made by our templates)
    with _one_at_a_time:
        try:
            made: bytes = HTML(string=str(document), base_url=SCHEME, url_fetcher=_fence()).write_pdf(
                stylesheets=[_style(name) for name in (FONTS, *styles)], font_config=_fonts(), pdf_variant="pdf/ua-1",
                finisher=finish,
            )
        except fatal as error:  # a BaseException of WeasyPrint: no view would turn it into a page
            raise OutsideTheFence(str(error.__cause__ or error)) from error
    return made


def joined(parts: Sequence[bytes], *, title: str) -> bytes:
    """Several papers as one, in their order. Meant for the printer: it loses the tags for screen readers that each part has."""
    from pypdf import PdfWriter

    writer = PdfWriter()
    for part in parts:
        writer.append(io.BytesIO(part))
    writer.add_metadata({"/Title": title})
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def list_paper(sheet: Sheet) -> bytes:
    """Any sheet as a printed list: title block, filters in words, all rows, how many they are."""
    whole(sheet)
    return paper(
        "paper/list.html", language=i18n.language(), title=i18n.say(sheet.title), body_class="landscape" if len(sheet.columns) > 6 else "",
        sheet=sheet, about=about(sheet),
    )


def available() -> bool:
    """Whether this machine can make PDF files."""
    try:
        _weasyprint()
    except PaperUnavailable:
        return False
    return True


# ---- glyphs ----------------------------------------------------------------------------------------------------------


def missing_glyphs(text: str, chains: Iterable[str] = ("sans",)) -> list[str]:
    """The letters of a text that a chain of print fonts lacks, in the order of the alphabet."""
    have = frozenset.intersection(*(_letters(chain) for chain in chains))
    return sorted(letter for letter in set(text) if ord(letter) not in have and not _unseen(letter))


@cache
def _letters(chain: str) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # comes with WeasyPrint; slow to import

    found: set[int] = set()
    for name in CHAINS[chain]:
        with TTFont(FOLDER / "print-fonts" / name, lazy=True) as font:
            found |= set(font.getBestCmap())
    return frozenset(found)


def _unseen(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def _text_of(html: str) -> str:
    parser = _Text()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts)


# ---- the fence -------------------------------------------------------------------------------------------------------


def bundled(url: str) -> Path:
    """The bundled file that asset:/PATH means.

    Raises OutsideTheFence for anything else: another scheme, a way out of the folder, a file that is not there.
    """
    path = unquote(url).removeprefix(SCHEME)
    if not url.startswith(SCHEME) or any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path:
        raise OutsideTheFence(f"a paper asked for {url}")
    found = (FOLDER / path).resolve()
    if not found.is_relative_to(FOLDER.resolve()) or not found.is_file() or found.suffix not in TYPES:
        raise OutsideTheFence(f"a paper asked for {url}, which is not a bundled file")
    return found


@cache
def _fence() -> Any:
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class Fence(URLFetcher):
        """Lets in bundled files and pictures written into the paper itself; all else stops the printing."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            """One resource of a paper."""
            if url.startswith(("data:image/svg+xml", "data:image/png")):
                return super().fetch(url, headers)
            file = bundled(url)
            return URLFetcherResponse(url, file.read_bytes(), {"Content-Type": TYPES[file.suffix]})

    return Fence(allowed_protocols=("asset", "data"), fail_on_errors=True)


@cache
def _weasyprint() -> tuple[Any, type[BaseException]]:
    try:
        with _silent():
            from weasyprint import HTML
            from weasyprint.urls import FatalURLFetchingError
    except OSError as error:
        raise PaperUnavailable(next((deb for lib, deb in PACKAGES.items() if lib in str(error)), "libpango-1.0-0")) from error
    return HTML, FatalURLFetchingError


def _silent() -> Any:
    """WeasyPrint prints advice of its own when a library is missing; ours stands in the error."""
    from contextlib import redirect_stdout

    return redirect_stdout(io.StringIO())


@cache
def _fonts() -> Any:
    from weasyprint.text.fonts import FontConfiguration

    atexit.register(_forget)
    return FontConfiguration()


def _forget() -> None:
    """Let go of the fonts while the libraries that hold them are still there: at the end of the process."""
    _style.cache_clear()
    _fonts.cache_clear()


@cache
def _style(name: str) -> Any:
    from weasyprint import CSS

    return CSS(url=SCHEME + name, url_fetcher=_fence(), font_config=_fonts(), base_url=SCHEME)
