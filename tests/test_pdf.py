"""Paper: only bundled files get in, only our fonts come out, and what was written can be read back."""

from __future__ import annotations

import io
import sys
import time
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader

from app import pdf
from app.errors import say
from app.sheets import Column, Sheet

PANGRAMS = {
    "en": "The quick brown fox jumps over the lazy dog, 0123456789 %",
    "ru": "Съешь же ещё этих мягких французских булок, да выпей чаю №5",
    "kk": "Әбдірахманова Гүлжаһан Қуанышқызы: ғаріп үңгір, өңір, һүкім, ұлы шөл",
    "tg": "Раҳимов Ҷамшед Қурбонович: ғӯза, ӣд",
    "uz": "Toʻraqulova Gʻayrat oʻgʻli",
    "tk": "Nuryýew Çary Öwezowiç, Şäherli Ňžü",
}


def text_of(data: bytes) -> str:
    """The text layer, with blanks of one kind."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def fonts_of(data: bytes) -> set[str]:
    """The names of all fonts of a file, without the subset's letters."""
    found = set()
    for page in PdfReader(io.BytesIO(data)).pages:
        for font in dict(page["/Resources"]).get("/Font", {}).values():
            assert "/DescendantFonts" in font.get_object(), "a font is not embedded"
            found.add(str(font.get_object()["/BaseFont"]).split("+")[-1].removesuffix("-Bold"))
    return found


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x.png", "https://example.org/x.css", "file:///etc/passwd", "asset:/../config.py", "asset:/%2e%2e/config.py",
        "asset:/img/../../config.py", "asset://etc/passwd", "asset:/nowhere.svg", "asset:/js/page.js", "ftp://h/x.png", "crest.svg/../../x.svg",
        "data:text/html,x",
    ],
)
def test_nothing_but_bundled_files_gets_through_the_fence(url: str) -> None:
    """A web address, a file of the machine, a way out of the folder, a file that is not there: the printing stops."""
    with pytest.raises(pdf.OutsideTheFence):
        pdf.write(f'<p>Text</p><img src="{url}" alt="x">', language="en", title="x")


def test_a_style_cannot_reach_outside_either() -> None:
    """A picture named by a style attribute is stopped like any other."""
    with pytest.raises(pdf.OutsideTheFence):
        pdf.write('<p style="background:url(http://127.0.0.1:1/x.png)">Text</p>', language="en", title="x")


def test_bundled_pictures_and_codes_written_into_the_paper_get_through() -> None:
    """The crest and a QR code as data are let in."""
    code = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'%3E%3Crect width='9' height='9'/%3E%3C/svg%3E"

    made = pdf.write(f'<img src="asset:/img/crest.svg" alt="Crest"><img src="{code}" alt="Code"><p>Text</p>', language="en", title="x")

    assert made.startswith(b"%PDF-")


@pytest.mark.goal("XCT-12")
@pytest.mark.parametrize("language", PANGRAMS)
def test_the_text_of_a_paper_can_be_read_back(language: str) -> None:
    """Copied out of the PDF, every letter of the region's alphabets is the letter that was printed, in a font of ours."""
    made = pdf.write(f"<p>{PANGRAMS[language]}</p><p><b>{PANGRAMS[language]}</b></p>", language=language, title="Pangram")

    assert text_of(made) == f"{PANGRAMS[language]} {PANGRAMS[language]} 1 / 1"
    assert fonts_of(made) == {"Print-Sans"}


@pytest.mark.goal("XCT-12")
def test_dari_is_printed_in_the_naskh_face_from_the_right() -> None:
    """A Dari line is set in the Naskh face, its letters are all there, and digits are those of Dari."""
    line = "مودل بررسی اسناد در سرحد را به مدت ۳۶ ساعت درسی تکمیل نمود"

    made = pdf.write(f"<p>{line}</p>", language="prs", title=line)

    assert fonts_of(made) == {"Print-Naskh", "Print-Sans"}  # Sans has the number of the page
    assert sorted(text_of(made).replace(" ", "")) == sorted((line + "1/1").replace(" ", ""))
    assert PdfReader(io.BytesIO(made)).metadata.title == line  # type: ignore[union-attr]


def test_a_letter_that_no_print_font_has_stops_the_printing() -> None:
    """The refusal names the letter; nothing falls back to whatever font the machine has."""
    with pytest.raises(pdf.MissingGlyph) as refused:
        pdf.write("<p>Route A → B, 王</p>", language="en", title="x")

    assert refused.value.letters == ["→", "王"]
    assert "U+2192 RIGHTWARDS ARROW" in refused.value.message.params["letters"]
    assert pdf.missing_glyphs("Әбдірахманова \u200c\u00a0 Toʻra دری") == []


def test_both_weights_of_a_face_have_the_same_letters() -> None:
    """What is checked for the one weight holds for the other."""
    from fontTools.ttLib import TTFont

    def letters(name: str) -> set[int]:
        with TTFont(pdf.FOLDER / "print-fonts" / name) as font:
            return set(font.getBestCmap())

    for name in {name for chain in pdf.CHAINS.values() for name in chain}:
        assert letters(name) == letters(name.replace("-400", "-700"))


def test_a_paper_says_its_language_and_title_and_is_tagged() -> None:
    """A screen reader learns language, title and structure (PDF/UA-1)."""
    root = PdfReader(io.BytesIO(pdf.write("<h1>Лист</h1>", language="ru", title="Ведомость"))).root_object

    assert (root["/Lang"], root["/MarkInfo"]["/Marked"], "/StructTreeRoot" in root) == ("ru", True, True)
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()


def test_without_pango_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the library says which Debian package to install, and goes on working."""

    class NoPango:
        """An import system on a machine without Pango."""

        def find_spec(self, name: str, *_: Any) -> None:
            """Refuse as cffi does."""
            if name == "weasyprint":
                raise OSError("cannot load library 'libpangoft2-1.0-0': libpangoft2-1.0-0: cannot open shared object file")

    for name in [name for name in sys.modules if name.split(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoPango(), *sys.meta_path])
    pdf._weasyprint.cache_clear()
    try:
        with pytest.raises(pdf.PaperUnavailable) as refused:
            pdf.write("<p>x</p>", language="en", title="x")
        assert refused.value.message.params["package"] == "libpangoft2-1.0-0"
        assert not pdf.available()
    finally:
        pdf._weasyprint.cache_clear()


def a_list(rows: int) -> Sheet:
    """A sheet of people."""
    columns = (
        Column("name", say("t", "Name")), Column("day", say("t", "Day"), "day"), Column("score", say("t", "Score"), "percent"),
        Column("tries", say("t", "Tries"), "int"),
    )
    return Sheet(
        name="people", title=say("t", "People"), columns=columns, at=datetime(2026, 11, 26, 11, 40, tzinfo=UTC), zone="Asia/Almaty",
        rows=tuple((f"Жұмабеков Әлихан {n}", date(2026, 11, 24), Fraction(43, 50), n) for n in range(rows)),
        filters=((say("t", "Office"), "Korday"),), by="Bekova A.",
    )


@pytest.mark.goal("XCT-12", "CER-19")
def test_a_printed_list_repeats_its_head_and_numbers_its_pages(app: Flask) -> None:
    """Ninety rows go over pages that each repeat the head, are numbered, and say when and by whom they were printed."""
    with app.test_request_context():
        reader = PdfReader(io.BytesIO(pdf.list_paper(a_list(90))))

    texts = [" ".join(page.extract_text().split()) for page in reader.pages]
    assert len(texts) == 3
    assert all("Name Day Score Tries" in text and "Printed 26 Nov 2026, 16:40 UTC+5 by Bekova A." in text for text in texts)
    assert [f"{n} / 3" in text for n, text in enumerate(texts, 1)] == [True] * 3
    assert "Rows shown 90 of 90." in texts[-1]
    assert "Office: Korday" in texts[0]


def test_fonts_are_read_once(app: Flask) -> None:
    """A second paper is made in well under a second."""
    with app.test_request_context():
        pdf.list_paper(a_list(5))
        start = time.process_time()
        pdf.list_paper(a_list(20))

    assert time.process_time() - start < 1.5
