"""The courses that come with the product: complete, self-marking, with tests to draw from and numbers that are right."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.courses import disk, markdown, rules
from app.courses.content import CourseContent, texts_in
from app.questions.types import TYPES
from app.questions.types.check_digit import FIELDS, check_digit

COURSES = Path(__file__).parents[2] / "courses"
FOLDERS = sorted(path for path in COURSES.iterdir() if path.is_dir())
SECOND_LINE = re.compile(r"[A-Z0-9<]{9}[0-9]UTO[0-9]{7}[MF<][0-9]{7}[A-Z0-9<]{15}[0-9]")

every_course = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


def blocks(content: CourseContent, language: str) -> list[markdown.Block]:
    """All blocks of all lessons in a language."""
    return [block for lesson in content.lessons for page in markdown.pages(lesson.texts[language].body) for block in page.blocks]


@every_course
def test_a_course_of_the_house_says_everything_in_english_russian_and_kazakh(folder: Path) -> None:
    """Every title, question, practical and lesson is there in all three, and no translation was left as its original."""
    content = disk.load(folder)
    assert content.languages == ["en", "ru", "kk"]

    texts = [text for _, text in texts_in(content.model_dump(mode="json"))]

    assert len(texts) > 300
    assert [text for text in texts if not text.keys() >= {"en", "ru", "kk"}] == []
    sentences = [text for text in texts if len(text["en"].split()) > 3 and not set(text["en"]) & set("`<")]
    assert [text["en"] for text in sentences if text["en"] in (text["ru"], text["kk"]) or text["ru"] == text["kk"]] == []
    assert all(lesson.texts.keys() >= {"en", "ru", "kk"} for lesson in content.lessons)


@every_course
def test_pictures_hold_no_words_and_each_is_used(folder: Path) -> None:
    """One drawing serves all languages: in it stand letters, figures and codes only, and none lies about unused."""
    content = disk.load(folder)
    used = {block.file for block in blocks(content, "en") if isinstance(block, markdown.Figure)}
    used |= {task.data for task in content.practicals if task.data}
    used |= set(re.findall(r"[a-z0-9-]+\.svg", str([question.as_written() for question in content.bank.values()])))

    written = {
        text
        for path in (folder / "media").glob("*.svg")
        for text in re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text(encoding="utf-8"))
        if not re.fullmatch(r"[A-Z0-9 .,:×?]+", text.replace("&lt;", "")) and text.replace("&lt;", "")
    }

    assert {picture.file for picture in content.media} == used
    assert written == set()


@every_course
def test_pre_and_post_test_can_be_drawn_with_room_to_spare(folder: Path) -> None:
    """Each outcome has questions for both tests and at least one more; both ask ten or more."""
    content = disk.load(folder)
    bank = rules.bank_by_outcome(content)
    post = next(quiz for quiz in content.quizzes if quiz.kind == "post-test")

    assert post.items >= 10
    assert post.parallel_to is not None
    assert {row.outcome: bank[row.outcome] - 2 * row.items for row in post.blueprint if bank[row.outcome] < 2 * row.items + 1} == {}


@every_course
def test_a_final_test_marks_itself(folder: Path) -> None:
    """No question that waits for a trainer's mark can be drawn into a pre-test or a final test."""
    content = disk.load(folder)
    waiting = {question.outcome for question in content.bank.values() if question.type == "free-text"}
    drawn = {row.outcome for quiz in content.quizzes if quiz.kind != "practice" for row in quiz.blueprint}

    assert waiting & drawn == set()


@every_course
def test_facts_have_a_source_and_a_day(folder: Path) -> None:
    """Each question and lesson names a source of the course, and was checked on a day no later than the course's own."""
    content = disk.load(folder)
    cited = {source for lesson in content.lessons for source in lesson.sources} | {question.source for question in content.bank.values()}

    assert {source.id for source in content.sources} == cited
    assert all(lesson.sources for lesson in content.lessons)
    assert all(date.fromisoformat(question.as_of) <= date(2026, 11, 22) for question in content.bank.values())


@every_course
def test_the_timetable_holds_the_whole_course(folder: Path) -> None:
    """Every lesson in its order, the tests round them, every practical."""
    content = disk.load(folder)
    items = [item for day in content.timetable for part in day.parts for item in part.items]
    named: Callable[[str], list[str | None]] = lambda kind: [item.ref for item in items if item.kind == kind]  # noqa: E731

    assert named("lesson") == [lesson.id for lesson in content.lessons]
    assert {"pre", "post"} <= set(named("quiz"))
    assert set(named("practical")) == {task.id for task in content.practicals}
    minutes = {("lesson", lesson.id): lesson.minutes for lesson in content.lessons} | {("practical", task.id): task.minutes for task in content.practicals}
    assert [item.ref for item in items if minutes.get((item.kind, item.ref or ""), item.minutes) != item.minutes] == []


@every_course
def test_a_practical_has_its_checklist_or_values_and_few_critical_points(folder: Path) -> None:
    """One task at least is seen by a rater, with eight to twelve points of which two or three are critical."""
    lists = [task.checklist for task in disk.load(folder).practicals if task.checklist]

    assert lists
    assert all(8 <= len(points) <= 12 and sum(point.critical for point in points) in (2, 3) for points in lists)


# ---- travel documents ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def documents() -> CourseContent:
    """The course on travel documents."""
    return disk.load(COURSES / "travel-documents")


def test_the_documents_course_asks_in_every_way_there_is(documents: CourseContent) -> None:
    """Its bank has questions of every type that exists."""
    assert {question.type for question in documents.bank.values()} == set(TYPES)


def wrong_digits(line: str) -> list[str]:
    """The fields of a passport's second line whose check digit is wrong."""
    last = {"document-number": 9, "birth-date": 19, "expiry-date": 27, "composite": 43}
    return [name for name, at in last.items() if line[at] != str(check_digit("".join(line[part] for part in FIELDS[name])))]


def test_every_line_that_the_course_prints_computes(documents: CourseContent) -> None:
    """The second lines in lessons, questions and drawings are 44 characters with right check digits (ICAO Doc 9303 part 3, 4.9)."""
    drawings = "".join(path.read_text(encoding="utf-8").replace("&lt;", "<") for path in (COURSES / "travel-documents/media").glob("*.svg"))
    lines = SECOND_LINE.findall(str(documents.model_dump(mode="json"))) + SECOND_LINE.findall(drawings)

    assert len(lines) >= 8
    assert {line: wrong_digits(line) for line in lines if wrong_digits(line)} == {}


def test_the_lesson_computes_its_examples_right(documents: CourseContent) -> None:
    """Sums and digits as the lesson on the machine-readable zone says them, in every language."""
    lesson = documents.lesson("mrz")
    assert lesson is not None
    for text in lesson.texts.values():
        for terms, total in re.findall(r"((?:[0-9]+ \+ )+[0-9]+) = ([0-9]+)", text.body):
            assert sum(map(int, terms.split(" + "))) == int(total)
        for value, digit in (("900215", 5), ("740812", 2), ("310214", 5), ("360214", 0), ("851004", 6), ("290617", 3), ("N12345678", 5)):
            assert value in text.body
            assert check_digit(value) == digit


def test_the_values_of_the_specimens_follow_from_the_file(documents: CourseContent) -> None:
    """What the practical asks for is what its data say on the day that its task names."""
    task = documents.practical("specimens")
    assert task is not None
    assert task.values
    assert task.data
    with (COURSES / "travel-documents/media" / task.data).open(encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    today = date(2026, 11, 22)
    born = date.fromisoformat(rows[3]["printed_birth"])
    printed = [row["printed_birth"][2:].replace("-", "") + row["printed_expiry"][2:].replace("-", "") for row in rows]
    (differs,) = [row["document"] for row, dates in zip(rows, printed, strict=True) if row["mrz_line_2"][13:19] + row["mrz_line_2"][21:27] != dates]

    assert "22 November 2026" in task.task["en"]
    assert {value.id: value.value for value in task.values} == {
        "wrong": str(sum(bool(wrong_digits(row["mrz_line_2"])) for row in rows)),
        "differs": differs,
        "expired": str(sum(date.fromisoformat(row["printed_expiry"]) < today for row in rows)),
        "age": str(today.year - born.year - ((today.month, today.day) < (born.month, born.day))),
        "digit": str(check_digit("H48K2075X")),
    }


# ---- vehicle search --------------------------------------------------------------------------------------------------


def test_the_values_of_the_containers_follow_from_the_file() -> None:
    """Missing length, height and space agree with the measured file and the typical sizes of the lesson."""
    content = disk.load(COURSES / "vehicle-search")
    task = content.practical("measure-container")
    assert task is not None
    assert task.values
    assert task.data
    typical = {"20 ft": (5.898, 2.350, 2.392), "40 ft": (12.032, 2.350, 2.392), "40 ft high cube": (12.032, 2.350, 2.693)}
    with (COURSES / "vehicle-search/media" / task.data).open(encoding="utf-8") as file:
        missing = {
            row["container"]: [size - float(row[f"inside_{name}_m"]) for size, name in zip(typical[row["kind"]], ("length", "width", "height"), strict=True)]
            for row in csv.DictReader(file)
        }
    found = {
        "doubtful": sum(max(gaps) > 0.05 for gaps in missing.values()), "length": missing["B"][0], "height": missing["C"][2],
        "volume": missing["D"][0] * typical["20 ft"][1] * typical["20 ft"][2],
    }

    assert found.keys() == {value.id for value in task.values}
    assert [value.id for value in task.values if abs(found[value.id] - float(value.value)) > float(value.tolerance)] == []
