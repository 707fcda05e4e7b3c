"""The canonical writer: what was read is written back byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.courses import disk, rules, strict_yaml, write
from app.courses.content import CourseContent
from tests.courses import sample
from tests.questions.strategies import written as written_question

COURSES = Path(__file__).parents[2] / "courses"

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
keys = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
written = st.recursive(
    texts | texts.map(strict_yaml.Lines),
    lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=4) | st.lists(inner, min_size=1, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(keys, written, min_size=1, max_size=4) | st.lists(written, min_size=1, max_size=4)


@given(documents)
@example({"a": ["0?", "b:", "c, d"]})
def test_what_is_written_reads_the_same(data: Any) -> None:
    """Whatever an author types, quotation marks, colons and all, comes back as it was."""
    document = strict_yaml.read(strict_yaml.write(data), "any.yaml")

    assert (document.problems, document.data) == ([], data)


@given(documents)
def test_there_is_one_way_to_write_a_thing(data: Any) -> None:
    """Reading and writing again changes no byte."""
    once = strict_yaml.write(data)
    again = strict_yaml.read(once, "any.yaml").data

    assert strict_yaml.write(_as_lines(data, again)) == once


def _as_lines(data: Any, again: Any) -> Any:
    """Which texts are blocks of lines is the model's matter: carry it over."""
    if isinstance(data, dict):
        return {key: _as_lines(value, again[key]) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_lines(value, item) for value, item in zip(data, again, strict=True)]
    return strict_yaml.Lines(again) if isinstance(data, strict_yaml.Lines) else again


def test_a_course_is_written_back_byte_for_byte(tmp_path: Path) -> None:
    """Loading and saving without a change leaves an empty difference."""
    content = disk.load(sample.write(tmp_path))

    assert write.files_of(content) == {path: text for path, text in sample.FILES.items() if not path.endswith(".svg")}


@pytest.mark.parametrize("folder", sorted(path for path in COURSES.iterdir() if path.is_dir()), ids=lambda path: path.name)
def test_the_courses_of_the_house_are_in_the_one_form(folder: Path) -> None:
    """Every course that comes with the product loads, and is written back byte for byte."""
    content = disk.load(folder)
    on_disk = {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in folder.rglob("*")
        if path.suffix in (".yaml", ".md")
    }

    assert write.files_of(content) == on_disk


def test_rewriting_brings_a_course_into_the_one_form(tmp_path: Path) -> None:
    """Another layout of the same content becomes the canonical one; only files that differ are written."""
    loose = sample.COURSE.replace("title:\n  en: Small course\n  ru: Малый курс\n", 'title: {en: "Small course", ru: Малый курс,\n', 1)
    loose = loose.replace("  prs: کورس کوچک\n", "  prs: کورس کوچک}\n", 1).replace("languages: [en, ru]", "languages:\n- en\n- ru")
    folder = sample.write(tmp_path, {"course.yaml": loose})

    assert write.rewrite(folder) == ["course.yaml"]
    assert (folder / "course.yaml").read_text(encoding="utf-8") == sample.COURSE
    assert write.rewrite(folder) == []


def test_windows_line_ends_are_brought_into_form(tmp_path: Path) -> None:
    """A file saved with other line ends means the same."""
    folder = sample.write(tmp_path, {"course.yaml": "\ufeff" + sample.COURSE.replace("\n", "\r\n")})

    assert write.rewrite(folder) == ["course.yaml"]
    assert (folder / "course.yaml").read_bytes() == sample.COURSE.encode()


def test_the_database_gives_back_what_the_files_said(tmp_path: Path) -> None:
    """Content survives JSON, also when a database sorts the keys; its hash stays, and so do its files."""
    content = disk.load(sample.write(tmp_path))
    stored = content.model_dump(mode="json")

    back = CourseContent.model_validate(_sorted(stored))

    assert back == content
    assert rules.content_hash(back) == rules.content_hash(content)
    assert write.files_of(back) == write.files_of(content)


def _sorted(data: Any) -> Any:
    """As PostgreSQL's JSONB hands it back: keys by length, then by letter."""
    if isinstance(data, dict):
        return {key: _sorted(data[key]) for key in sorted(data, key=lambda key: (len(key), key))}
    return [_sorted(item) for item in data] if isinstance(data, list) else data


def test_any_change_of_content_is_another_hash(tmp_path: Path) -> None:
    """A word, a picture or a pass mark: the fingerprint notices."""
    changes: list[dict[str, str | None]] = [
        {},
        {"course.yaml": sample.COURSE.replace("pass_mark: 80", "pass_mark: 75")},
        {"media/car.svg": sample.SVG.replace("M0 0", "M1 1")},
        {"modules/01-hides/01-car.en.md": sample.CAR["en"].replace("Done.", "Done!")},
    ]

    hashes = {rules.content_hash(disk.load(sample.write(tmp_path / str(n), files))) for n, files in enumerate(changes)}

    assert len(hashes) == 4


def without(language: str, data: Any) -> Any:
    """The same data, one language fewer."""
    if isinstance(data, dict):
        return {key: without(language, value) for key, value in data.items() if key != language}
    return [without(language, item) for item in data] if isinstance(data, list) else data


@st.composite
def courses(draw: st.DrawFn, small: CourseContent) -> CourseContent:
    """The small course with other words, numbers, notes and questions."""
    data = small.model_dump(mode="json")
    line = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1, max_size=20)
    words = line.filter(lambda text: text.strip() != "")
    data["title"] = {language: draw(words) for language in ("en", "ru", "prs")}
    data["hours"] = draw(st.integers(1, 400))
    data["sources"][0]["title"] = draw(words)
    data["media"][0]["licence"] = draw(words)
    data["completion"]["pass_mark"] = draw(st.integers(1, 100))
    for quiz in data["quizzes"]:
        quiz["harmless"] = 0
    data["quizzes"][1]["minutes"] = draw(st.none() | st.integers(1, 90))
    for text in data["modules"][0]["lessons"][0]["texts"].values():
        text["title"] = draw(words)
        notes = draw(st.lists(words.map(lambda note: note.rstrip()), max_size=3))
        text["notes"] = "\n".join(notes).strip() or None
    for number, question in enumerate(draw(st.lists(written_question(), max_size=3))):
        own = {"id": f"g{number}", "outcome": draw(st.sampled_from(["car", "seal"]))}
        image = {key: question[key] | {"file": "car.svg"} for key in ("image", "genuine", "questioned") if key in question}
        data["modules"][0]["questions"].append(without("kk", question | own | image))
    return CourseContent.model_validate(data)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_course_is_written_and_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever a course holds: its files read back as the same course, and are written again as the same files."""
    folder = sample.write(tmp_path_factory.mktemp("courses"))
    content = data.draw(courses(disk.load(folder)))
    for path, text in write.files_of(content).items():
        (folder / path).write_bytes(text.encode())

    back = disk.load(folder)

    assert back == content
    assert write.rewrite(folder) == []
