"""Courses on disk: what loads, and what is said about what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.courses import disk
from app.courses.problems import BadCourse, Problem
from app.questions.types import TYPES
from tests.courses import sample

LESSON = "modules/01-hides/01-car.en.md"
RUSSIAN = "modules/01-hides/01-car.ru.md"
QUESTIONS = "modules/01-hides/questions.yaml"


def problems_of(folder: Path) -> list[Problem]:
    """Everything that is wrong with a course."""
    with pytest.raises(BadCourse) as refused:
        disk.load(folder)
    return refused.value.problems


def test_a_course_is_read_whole(tmp_path: Path) -> None:
    """Modules, lessons in their languages, questions, tests and pictures with their size all arrive."""
    course = disk.load(sample.write(tmp_path))

    assert [(lesson.id, list(lesson.texts)) for lesson in course.lessons] == [("car", ["en", "ru", "prs"]), ("seal", ["en", "ru"])]
    assert list(course.bank) == ["q1", "q2", "q3", "q4", "q5", "q6"]
    assert [(quiz.id, quiz.minutes, quiz.supervised, quiz.items) for quiz in course.quizzes] == [("pre", 10, True, 2), ("post", None, False, 2)]
    assert course.lessons[0].texts["en"].notes == "Ask first.\nShow then."
    assert (course.pictures["car.svg"].width, course.pictures["car.svg"].height) == (200, 100)
    assert disk.media_of(tmp_path / "small", course) == {"car.svg": sample.SVG.encode()}


BAD = [
    # file, what stands there, what is put there instead, where the problem is, its reason
    ("course.yaml", "level: basic", "level: simple", "course.yaml:12:8", "«simple» is not one of: basic, advanced"),
    ("course.yaml", "hours: 2\n", "", "course.yaml:1:1", "«hours» is missing; add it"),
    ("course.yaml", "hours: 2", "hours: two", "course.yaml:14:8", "«two» is not a whole number; write it in digits"),
    ("course.yaml", "hours: 2", "houres: 2", "course.yaml:14:1", "«houres» is not known here; did you mean «hours»?"),
    ("course.yaml", "hours: 2", "hours: 2\nhours: 3", "course.yaml:15:1", "«hours» is already given on line 14; keep one of the two"),
    ("course.yaml", "id: small", "id: &x small", "course.yaml:1:5", "references (&name and *name) are not allowed; write the value out"),
    ("course.yaml", "level: basic", "level: !!python/none x", "course.yaml:12:8", "the tag tag:yaml.org,2002:python/none is not allowed; write the plain value"),
    ("course.yaml", "[en, ru]", "[en, ru", "course.yaml:10:8", "this is not well-formed: expected ',' or ']', but got ':'; check brackets, quotation marks and indentation"),
    ("course.yaml", "en: Small course", "en: Small: course", "course.yaml:3:12", "a colon followed by a space stands inside a plain text; put the text between double quotes"),
    ("course.yaml", "as_of: 2026-11-21", "as_of: 21.11.2026", "course.yaml:15:8", "«21.11.2026» is not a day; write it like 2026-11-21"),
    ("course.yaml", "supervised: yes", "supervised: true", "course.yaml:36:17", "«true» is not yes or no"),
    ("course.yaml", "original: en", "original: prs", "course.yaml:11:11", "the original «prs» is not one of the languages; add it there"),
    ("course.yaml", "  ru: Курс для проверок.\n", "", "course.yaml:6:1", "this text is missing in ru; write it in every full language of the course"),
    ("course.yaml", "  ru: Курс для проверок.", "  ru: Курс\n  tg: Курс", "course.yaml:9:3", "«tg» is not a language of this course; add it to languages or partial in course.yaml"),
    ("course.yaml", "- id: seal", "- id: car", "course.yaml:21:9", "«car» is already given on line 17; ids are used once"),
    ("course.yaml", "{outcome: car, items: 1}", "{outcome: bus, items: 1}", "course.yaml:38:19", "there is no outcome «bus»; add it to outcomes in course.yaml or correct it here"),
    ("course.yaml", "parallel_to: pre", "parallel_to: first", "course.yaml:47:18", "there is no other quiz «first»"),
    ("course.yaml", "attempts: 2", "attempts: -2", "course.yaml:45:15", "«-2» is not a whole number; write it in digits"),
    ("course.yaml", "pass_mark: 80", "pass_mark: 180", "course.yaml:26:14", "«180» is too large; at most 100"),
    ("course.yaml", "  - id: hides", "  - id: hides2", "course.yaml:52:9", "the folder modules/01-hides2 is missing; add it or delete the module here"),
    ("media/media.yaml", "licence: CC BY 4.0, ", "", "media/media.yaml:1:3", "«licence» is missing; add it"),
    ("media/media.yaml", "car.svg", "bus.svg", "media/media.yaml:1:10", "there is no media/bus.svg; add the file or delete the row"),
    ("media/car.svg", "<path", "<script/><path", "media/car.svg:1:1", "the drawing holds <script>; a picture may only draw"),
    ("media/car.svg", "<path", '<path onload="x"', "media/car.svg:1:1", "the drawing holds a program in «onload»; a picture may only draw"),
    ("media/car.svg", "<path", '<image href="http://x/y.png"/><path', "media/car.svg:1:1", "the drawing refers to something outside itself: http://x/y.png; draw it in"),
    ("media/car.svg", "<svg", '<!DOCTYPE svg [<!ENTITY a "b">]><svg', "media/car.svg:1:1", "the drawing has a document type; save it as plain SVG"),
    ("media/car.svg", '"0 0 200 100"', '"0 0 300 100"', f"{QUESTIONS}:103:11", "the picture of a hotspot must be twice as wide as high; this one is 300 × 100"),
    (LESSON, "kind: explain", "kind: tell", f"{LESSON}:4:7", "«tell» is not one of: explain, show, do"),
    (LESSON, "outcomes: [car]", "outcomes: [car, bus]", f"{LESSON}:6:17", "there is no outcome «bus»; add it to outcomes in course.yaml or correct it here"),
    (LESSON, "sources: [P1-CK]", "sources: [P1-XX]", f"{LESSON}:7:11", "there is no source «P1-XX»; add it to sources in course.yaml or correct it here"),
    (LESSON, "id: car", "id: cat", f"{LESSON}:2:5", "the lesson is «cat» here and «car» in its file's name; they must be the same"),
    (LESSON, "---\nid", "id", f"{LESSON}:1:1", "the lesson has no head; begin the file with --- and close the head with ---"),
    (LESSON, "Search in", "<b>Search</b> in", f"{LESSON}:15:1", "raw HTML is not allowed: <b>; write Markdown, or put codes between backquotes"),
    (LESSON, "## Six zones", "# Six zones", f"{LESSON}:13:1", "a heading of level 1 (#) is the course's own; begin pages with ## and parts with ###"),
    (LESSON, "## Six zones\n", "", f"{LESSON}:14:1", "text stands before the first page; begin each page with a heading of level 2 (## …)"),
    (LESSON, "Search in", "![x](car.svg) Search in", f"{LESSON}:15:1", "a picture needs a figure (:::figure file) so that it has its alternative text and licence"),
    (LESSON, ":::figure car.svg", ":::figure bus.svg", f"{LESSON}:17:1", "media/media.yaml has no «bus.svg»; add the picture there with its licence and source"),
    (LESSON, "alt: A car from the side\n", "", f"{LESSON}:17:1", "the figure has no alternative text; add a line alt: that says what the picture shows"),
    (LESSON, "key: Bonnet", "keys: Bonnet", f"{LESSON}:21:1", "a line of a figure begins with alt:, caption:, description: or key:"),
    (LESSON, ":::note", ":::hint", f"{LESSON}:36:1", "«hint» is not known; the directives are note, warning, figure, check, reveal"),
    (LESSON, "(x) At", "( ) At", f"{LESSON}:27:1", "mark exactly one choice with (x); here are 0"),
    (LESSON, "wrong: Begin and end at one point.\n", "", f"{LESSON}:27:1", "add a line wrong: that says why"),
    (LESSON, "officers.\n:::", "officers.", f"{LESSON}:36:1", "«note» is never closed; put ::: on a line of its own after it"),
    (RUSSIAN, "minutes: 30", "minutes: 20", f"{RUSSIAN}:5:10", f"«minutes» differs from the original ({LESSON}); it must be the same in all languages"),
    (RUSSIAN, "## В конце\n", "", f"{RUSSIAN}:21:1", "there are 2 pages here and 3 in «en»; each page needs its translation"),
    (RUSSIAN, "( ) У багажника\n(x) Спереди слева", "(x) У багажника\n( ) Спереди слева", f"{RUSSIAN}:21:1",
     "the figures, checks and remarks of this page are not those of «en», where they are: check with 3 choices, the right one is number 2, note"),
    (QUESTIONS, "source: P1-CK", "source: X", f"{QUESTIONS}:5:11", "there is no source «X»; add it to sources in course.yaml or correct it here"),
    (QUESTIONS, "outcome: car", "outcome: bus", f"{QUESTIONS}:3:12", "there is no outcome «bus»; add it to outcomes in course.yaml or correct it here"),
    (QUESTIONS, "type: single", "type: choice", f"{QUESTIONS}:2:9", f"«choice» is not one of: {', '.join(TYPES)}"),
    (QUESTIONS, "id: q2", "id: q1", f"{QUESTIONS}:24:7", f"the question «q1» is already given at {QUESTIONS}:1; ids are used once in a course"),
    (QUESTIONS, "    ru: Вопрос q1?\n", "", f"{QUESTIONS}:7:3", "this text is missing in ru; write it in every full language of the course"),
    (QUESTIONS, "    alt:\n      en: A car\n      ru: Автомобиль\n", "", f"{QUESTIONS}:103:5", "«alt» is missing; add it"),
    (QUESTIONS, "cells: [D3, E3]", "cells: [D3, Z9]", f"{QUESTIONS}:115:19", "«Z9» is not a cell; write a column A-F and a row 1-3, like D3"),
    (QUESTIONS, "regions: []", "regions:\n    - id: s\n      name: {en: Seat, ru: Сиденье}\n      cells: [A1]", "course.yaml:37:5",
     ("of 2 pictures to search that this quiz can draw 0 are harmless, and 50 % should be; add questions on harmless pictures, "
      "write «search: no» where the text names what to mark, or a smaller «harmless» here")),
    (QUESTIONS, "regions: []", "search: no", f"{QUESTIONS}:116:3", "with «search: no» the text names what to mark, so at least one of «regions» is needed"),
    (QUESTIONS, "id: q4\n  type: single\n  outcome: seal", "id: q4\n  type: single\n  outcome: car", "course.yaml:50:9",
     "«seal» needs 1 questions and the bank holds 0 that «pre» leaves over; write more questions or ask for fewer"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "there", "instead", "place", "reason"), BAD, ids=[f"{b[0].rpartition('/')[2]}-{n}" for n, b in enumerate(BAD)])
def test_what_is_wrong_is_named_with_file_line_and_reason(
    tmp_path: Path, file: str, there: str, instead: str, place: str, reason: str
) -> None:
    """An author reads where the fault is and what to do about it."""
    assert there in sample.FILES[file]

    folder = sample.write(tmp_path, {file: sample.FILES[file].replace(there, instead, 1)})

    assert f"{place}: {reason}" in [str(problem) for problem in problems_of(folder)]


def test_everything_wrong_is_found_at_once(tmp_path: Path) -> None:
    """One run names the faults of all files, in their order."""
    folder = sample.write(
        tmp_path,
        {
            "course.yaml": sample.COURSE.replace("level: basic", "level: simple"),
            LESSON: sample.CAR["en"].replace(":::note", ":::hint").replace("kind: explain", "kind: tell"),
            QUESTIONS: sample.QUESTIONS.replace("difficulty: hard", "difficulty: huge", 1),
        },
    )

    assert [(p.file, p.line) for p in problems_of(folder)] == [("course.yaml", 12), (LESSON, 4), (LESSON, 36), (QUESTIONS, 96)]


def test_a_full_language_needs_every_lesson_and_a_partial_one_does_not(tmp_path: Path) -> None:
    """Dari may lack a lesson, Russian may not."""
    folder = sample.write(tmp_path, {"modules/01-hides/02-seal.ru.md": None})

    assert [str(p) for p in problems_of(folder)] == [
        "modules/01-hides/02-seal.ru.md:1:1: the lesson is missing in «ru», a full language of this course; write it"
    ]


def test_files_that_no_course_has_are_named(tmp_path: Path) -> None:
    """A misspelt name is no silent loss."""
    folder = sample.write(tmp_path, {"modules/01-hides/car_en.md": "x", "notes.txt": "x", "media/bus.svg": sample.SVG})

    assert [(p.file, p.line) for p in problems_of(folder)] == [
        ("media/bus.svg", 1), ("modules/01-hides/car_en.md", 1), ("notes.txt", 1)
    ]  # fmt: skip


def test_a_folder_that_is_no_course_says_what_is_missing(tmp_path: Path) -> None:
    """An empty folder is refused with a sentence, not with a crash."""
    assert [str(p) for p in problems_of(tmp_path)] == ["course.yaml:1:1: this file is missing; write it"]


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    """Text saved in an old Windows encoding is said to be so."""
    folder = sample.write(tmp_path)
    (folder / RUSSIAN).write_bytes(sample.CAR["ru"].encode("cp1251"))

    assert "this is not UTF-8 text; save the file as UTF-8" in [p.reason for p in problems_of(folder)]


@pytest.mark.parametrize(("asked", "loads"), [("harmless: 0", True), ("harmless: 30", True), ("harmless: 34", False), ("harmless: 100", False)])
@pytest.mark.goal("PLY-13")
def test_a_quiz_needs_the_share_of_harmless_pictures_that_its_author_asks_for(tmp_path: Path, asked: str, loads: bool) -> None:
    """One harmless picture among three: enough for thirty percent, too few for more; 50 % is asked for where nothing is said."""
    third = sample.QUESTIONS[sample.QUESTIONS.index("- id: q5"):sample.QUESTIONS.index("- id: q6")].replace("id: q5", "id: q7")
    files = {
        "course.yaml": sample.COURSE.replace("    blueprint:", f"    {asked}\n    blueprint:"),
        QUESTIONS: sample.QUESTIONS + third,
    }
    folder = sample.write(tmp_path / asked.replace(": ", "-"), files)

    if loads:
        assert [quiz.harmless_percent for quiz in disk.load(folder).quizzes] == [int(asked.split()[1])] * 2
    else:
        assert {problem.line for problem in problems_of(folder)} == {38, 50}
    assert [problem.line for problem in problems_of(sample.write(tmp_path / "unsaid", {QUESTIONS: files[QUESTIONS]}))] == [37, 48]
