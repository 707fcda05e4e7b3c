"""Certificates on paper: text and picture in each script, fonts, the code, speed."""

from __future__ import annotations

import io
import os
import re
import resource
import subprocess
import time
from pathlib import Path

import pypdf
import pytest
from PIL import Image, ImageChops, ImageStat

from app import i18n
from app.certificates import printing, rules, wording
from app.certificates.printing import Copy
from app.certificates.rules import Kind, State
from app.people.names import Name
from tests.certificates import rows

PAPERS = Path(__file__).with_name("papers")
NUMBER = "KZ-2026-000123-41"
PAYLOAD = f"{NUMBER}?k=7Q4M2KXD#{'CAEE5M7Y' * 16}"
LONG = {
    "Cyrl": Name("Рахматуллахожаева-Абдурахманова", "Гүлжаһаннисабегім", "Қуанышбекұлықызы"),
    "Latn": Name("Rakhmatullakhozhayeva-Abdurakhmanova", "Gulzhakhannisabegim", "Kuanyshbekulykyzy"),
}
FOUR = (*rows.facts().signatories, rows.FOURTH)
GOLDEN = {
    "latin": rows.facts(languages=("en",), kind=Kind.PARTICIPATED, result=None),
    "cyrillic": rows.facts(languages=("kk",)),
    "arabic": rows.facts(languages=("prs",)),
    "two-languages-four-signatures": rows.facts(languages=("kk", "ru"), dari=True, signatories=FOUR),
    "upright": rows.facts(languages=("ru",), layout="portrait", dari=True),
}


@pytest.fixture
def printed(app):
    """Print a certificate: `printed(facts, state=…)` gives the bytes."""

    def make(facts, **values) -> bytes:
        with app.app_context():
            return printing.certificates([Copy(facts, NUMBER, PAYLOAD, **values)], language=facts.language, title=NUMBER)

    return make


def text_of(data: bytes) -> str:
    """The text of a PDF as a person copies it."""
    found = subprocess.run(["pdftotext", "-layout", "-", "-"], input=data, capture_output=True, check=True).stdout.decode()
    return re.sub(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", found)


def picture_of(data: bytes, tmp_path: Path) -> Image.Image:
    """The first page, small."""
    (tmp_path / "paper.pdf").write_bytes(data)
    subprocess.run(["pdftoppm", "-r", "60", "-png", "-singlefile", tmp_path / "paper.pdf", tmp_path / "paper"], check=True)
    return Image.open(tmp_path / "paper.png").convert("L")


@pytest.mark.goal("CER-10", "CER-09")
@pytest.mark.parametrize("script", GOLDEN)
def test_a_paper_of_each_script_is_as_it_was_looked_at(script, printed, tmp_path):
    """Text and picture of a certificate in each script are those that were approved (SABAQ_GOLDEN=1 stores new ones: look at them before you commit)."""
    data = printed(GOLDEN[script])
    text, picture = text_of(data), picture_of(data, tmp_path)
    words = sorted(text.split())
    if os.environ.get("SABAQ_GOLDEN"):
        PAPERS.mkdir(exist_ok=True)
        (PAPERS / f"{script}.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
        picture.quantize(8).save(PAPERS / f"{script}.png", optimize=True)

    approved = Image.open(PAPERS / f"{script}.png").convert("L")
    assert words == (PAPERS / f"{script}.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert picture.size == approved.size
    # Blurred a little: another release of the renderer moves a line by a fraction of a pixel.
    assert ImageStat.Stat(ImageChops.difference(_blurred(picture), _blurred(approved))).rms[0] < 4
    assert (PAPERS / f"{script}.png").stat().st_size <= 60_000


def _blurred(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 3, picture.height // 3), Image.Resampling.BOX)


def test_the_picture_of_another_certificate_is_another(printed, tmp_path):
    """The comparison sees a name that is missing: the tolerance is smaller than that."""
    approved = Image.open(PAPERS / "cyrillic.png").convert("L")
    other = picture_of(printed(rows.facts(languages=("kk",), names={"Cyrl": Name("Ли", "Ә")})), tmp_path)

    assert ImageStat.Stat(ImageChops.difference(_blurred(other), _blurred(approved))).rms[0] > 4


@pytest.mark.goal("CER-10", "LNG-05")
@pytest.mark.parametrize("letters", ["ҚқҒғҢңҮүҰұӘәІіҺһӨө", "ЎўҲҳҶҷӢӣӮӯ", "ÄäÇçŇňÖöŞşÜüÝýŽž oʻgʻ"])
def test_every_letter_of_the_region_is_printed(letters, printed):
    """Names with every letter of the region's alphabets can be copied out of the paper letter for letter."""
    data = printed(rows.facts(languages=("ru",), names={"Cyrl": Name(letters, "Ж")}, authority={}))

    assert letters in text_of(data)


@pytest.mark.goal("CER-10")
def test_no_font_but_ours_is_in_a_paper(printed, tmp_path):
    """Each font of a certificate with Kazakh, Russian, Latin and Dari text is one of the bundled ones, and embedded."""
    (tmp_path / "paper.pdf").write_bytes(printed(GOLDEN["two-languages-four-signatures"]))
    fonts = subprocess.run(["pdffonts", tmp_path / "paper.pdf"], capture_output=True, text=True, check=True).stdout.splitlines()[2:]

    assert fonts
    assert {re.sub(r"^[A-Z]{6}\+", "", line.split()[0]) for line in fonts} <= {
        "Print-Serif", "Print-Serif-Bold", "Print-Sans", "Print-Sans-Bold", "Print-Naskh", "Print-Naskh-Bold",
    }
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts)


@pytest.mark.goal("CER-10")
def test_a_letter_without_a_glyph_stops_printing(printed):
    """A letter that no bundled font has is never printed as an empty box."""
    from app.pdf import MissingGlyph

    with pytest.raises(MissingGlyph, match="漢"):
        printed(rows.facts(names={"Cyrl": Name("漢", "Ж")}))


@pytest.mark.goal("CER-09")
@pytest.mark.parametrize("layout", ["landscape", "portrait"])
@pytest.mark.parametrize("signs", [1, 2, 3, 4])
def test_one_to_four_signatures_and_the_longest_name_fit_one_page(layout, signs, printed):
    """With any number of signatories and a very long name a certificate is one page, each signatory is on it, and no name is cut."""
    data = printed(rows.facts(languages=("ru",), layout=layout, signatories=FOUR[:signs], names=LONG, dari=True))
    text = " ".join(text_of(data).split())

    assert len(pypdf.PdfReader(io.BytesIO(data)).pages) == 1
    assert all(part in text for part in (LONG["Cyrl"].family, LONG["Cyrl"].given, LONG["Cyrl"].patronymic))
    assert all(sign.titles["ru"].split()[0] in text for sign in FOUR[:signs])


@pytest.mark.goal("CER-11", "LNG-04")
@pytest.mark.parametrize(
    ("language", "period", "hours", "result"),
    [
        ("en", "23–26 November 2026", "24 academic hours", "92\xa0%"), ("ru", "23–26 ноября 2026\xa0г.", "24 академических часа", "92\xa0%"),
        ("kk", "2026\xa0ж. 23–26 қараша", "24 академиялық сағат", "92\xa0%"), ("prs", "۲۳ تا ۲۶ نومبر ۲۰۲۶", "۲۴ ساعت درسی", "۹۲٪"),
    ],
)
def test_dates_and_numerals_are_those_of_the_certificates_language(app, language, period, hours, result):
    """Whatever the browser asks for, dates, hours and the result are written as the certificate's language writes them."""
    facts = rows.facts()
    with app.test_request_context(headers={"Accept-Language": "en"}), i18n.speaking(language):
        assert wording.period(facts.starts_on, facts.ends_on) == period
        assert wording.hours(24) == hours
        assert wording.result(920_000) == result


@pytest.mark.goal("CER-11")
def test_the_viewers_language_changes_nothing(app):
    """The same certificate asked for by browsers in two languages is the same file, and a Dari one reads from the right."""
    facts = rows.facts(languages=("prs",))
    files = set()
    for wish in ("en", "ru"):
        with app.test_request_context(headers={"Accept-Language": wish}):
            assert i18n.language() == wish
            files.add(printing.certificates([Copy(facts, NUMBER, PAYLOAD)], language="prs", title=NUMBER))
            assert printing.sheet(Copy(facts, NUMBER, PAYLOAD))["rtl"] is True

    assert len(files) == 1


@pytest.mark.goal("CER-03")
def test_a_stamp_stands_across_a_certificate_that_is_no_good(printed):
    """A revoked certificate is printed with the word across it, a replaced one also says by which."""
    facts = rows.facts(languages=("ru",))

    def text(**values) -> str:
        return pypdf.PdfReader(io.BytesIO(printed(facts, **values))).pages[0].extract_text()

    assert "АННУЛИРОВАН" in text(state=State.REVOKED)
    assert "KZ-2026-000130-20" in text(state=State.REPLACED, replaced_by="KZ-2026-000130-20")
    assert "АННУЛИРОВАН" not in text()


@pytest.mark.goal("CER-06")
@pytest.mark.parametrize(
    ("address", "version", "least"),
    [("https://verify.example.kz", 8, 0.45), ("https://a-very-long-address.of.the.border.service.gov.kz/training", 10, 0.40)],
)
def test_the_code_stays_coarse_enough_for_old_telephones(address, version, least):
    """Printed at 26 mm with its quiet zone, a module of the code is at least 0.4 mm wide, also for a long address."""
    square = printing.square(address, PAYLOAD)

    assert square.version == version
    assert 26 / square.symbol_size(border=4)[0] >= least


@pytest.mark.goal("CER-06")
def test_the_code_says_address_number_key_and_signature(tmp_path):
    """A reader of square codes gets back the whole text that was put in."""
    import zxingcpp

    printing.square(rows.ADDRESS, PAYLOAD).save(tmp_path / "code.png", scale=4, border=4)

    found = zxingcpp.read_barcodes(Image.open(tmp_path / "code.png").convert("L"))

    assert [one.text for one in found] == [f"{rows.ADDRESS}/v/{PAYLOAD}"]


@pytest.mark.goal("CER-06")
def test_the_square_in_the_paper_is_the_square_of_its_text():
    """The drawing in the paper is the code's own matrix, module by module."""
    import segno

    text = printing.qr_text(rows.ADDRESS, PAYLOAD)
    parts = [(part,) for part in re.split(r"(?<=/v/)|(?=\?k=)|(?<=\?k=)|(?=#)|(?<=#)", text) if part]
    wanted = segno.make(parts, error="m", boost_error=False, micro=False)

    assert printing.square(rows.ADDRESS, PAYLOAD).matrix == wanted.matrix
    assert "".join(part for (part,) in parts) == text


@pytest.mark.goal("CER-01")
def test_printing_twice_gives_the_same_bytes(printed):
    """A paper holds no moment and no chance: the same facts give the same bytes."""
    assert printed(rows.facts()) == printed(rows.facts())


@pytest.mark.goal("PRF-06")
@pytest.mark.node
def test_a_hundred_certificates_are_one_file_with_flat_memory(app):
    """A hundred certificates come as one document of a hundred pages that hold the border once; memory does not grow with them."""
    facts = [rows.facts(languages=("ru",), roster=n) for n in range(100)]
    copies = [Copy(one, str(rules.Number("KZ", 2026, n + 1)), PAYLOAD) for n, one in enumerate(facts)]
    with app.app_context():
        one = printing.certificates(copies[:1], language="ru", title="1")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        data = printing.certificates(copies, language="ru", title="100")
        seconds = time.process_time() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    arts = {page["/Resources"]["/XObject"].raw_get("/Paper0").idnum for page in pages}
    assert (len(pages), len(arts)) == (100, 1)
    assert len(data) < 100 * len(one) / 4
    assert grown < 200 * 1024  # KiB
    assert seconds < 20  # a guard against a drawing on every page; bench/ measures the rate
