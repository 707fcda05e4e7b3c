"""Which differences of writing do not matter in a typed answer, and which do."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.questions.typed import LONGEST, folded, kept

KAZAKH = "аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя"
TAJIK_AND_UZBEK = "ғӣқӯҳҷў"
PERSIAN = "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی"


@pytest.mark.parametrize(("typed", "meant"), [
    ("  False   front wall ", "false front wall"),
    ("FALSE FRONT WALL!", "false front wall"),
    ("«ложная» стенка.", "Ложная стенка"),
    ("Ёлка", "елка"),
    ("е\u0308лка", "ёлка"),
    ("X-ray", "x ray"),
    ("don’t", "don't"),
    ("oʻzbek", "o'zbek"),
    ("1,5 м", "1.5 м"),
    ("۱٫۵", "1.5"),
    ("5 – 7", "5-7"),
    ("−18", "-18"),
    ("می\u200cشود", "میشود"),
    ("علي", "علی"),
    ("كار", "کار"),
    ("\u200fمهر\u200f", "مهر"),
])
@pytest.mark.parametrize("fold", ["words", "code"])
def test_case_blanks_punctuation_and_unseen_marks_do_not_matter(typed: str, meant: str, fold: str) -> None:
    assert folded(typed, fold) == folded(meant, fold)  # type: ignore[arg-type]


@pytest.mark.parametrize(("typed", "other"), [("1.5", "15"), ("5-7", "57"), ("-18", "18"), ("й", "и"), ("т", "t"), ("0", "о")])
def test_what_changes_the_meaning_matters(typed: str, other: str) -> None:
    assert folded(typed, "words") != folded(other, "words")


@pytest.mark.parametrize(("typed", "meant"), [
    ("UTO-123 456", "uto123456"), ("АВ 12", "AB12"), ("ЕКМНОРСТУХ", "EKMHOPCTYX"), ("а1", "A1"), ("U.T.O/1", "UTO1"), ("۱۲-٣", "123"), ("І7", "I7"),
])
def test_in_a_code_hyphens_and_letters_that_look_alike_do_not_matter(typed: str, meant: str) -> None:
    assert folded(typed, "code") == folded(meant, "code")
    assert folded("ab", "code") != folded("ac", "code")


@pytest.mark.parametrize("alphabet", [KAZAKH, TAJIK_AND_UZBEK + "гикухчу", PERSIAN])
@pytest.mark.parametrize("fold", ["words", "code"])
def test_no_letter_of_an_alphabet_is_taken_for_another_but_yo(alphabet: str, fold: str) -> None:
    """Қ is not К, ү is not у, ң is not н."""
    letters = set(alphabet) - {"ё"}

    assert len({folded(one, fold) for one in letters}) == len(letters)  # type: ignore[arg-type]
    assert all(folded(one.upper(), fold) == folded(one, fold) for one in letters)  # type: ignore[arg-type]


@given(st.text())
def test_what_is_kept_of_an_answer_is_kept_in_one_form(typed: str) -> None:
    once = kept(typed)

    assert kept(once) == once
    assert len(once) <= LONGEST
    assert not {unicodedata.category(one) for one in once} & {"Cc", "Cs", "Co"}
    assert once == " ".join(once.split())


@given(st.text(max_size=30), st.sampled_from(["words", "code"]))
def test_what_is_kept_means_what_was_typed(typed: str, fold: str) -> None:
    assert folded(kept(typed), fold) == folded(typed, fold)  # type: ignore[arg-type]


@pytest.mark.parametrize("junk", [None, 7, True, ["a"], {"a": 1}, "", " \t\n", "\x00"])
def test_what_is_no_text_is_no_answer(junk: object) -> None:
    assert kept(junk) == ""
