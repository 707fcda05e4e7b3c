"""Publishing: versions, media by hash, and a folder of courses of which one is bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import files
from app.courses import disk, loading, queries, services
from app.courses.models import Course, CourseVersion, Media
from app.db import Database
from tests.courses import rows, sample
from tests.factories import a_moment


def publish(db: Session, folder: Path) -> CourseVersion | None:
    content = disk.load(folder)
    return services.publish(db, content, pictures=disk.media_of(folder, content), now=a_moment(), actor_id=None)


def test_the_same_content_makes_no_second_version(db: Session, tmp_path: Path) -> None:
    """Loading the courses again at each start changes nothing."""
    folder = sample.write(tmp_path)

    first, second = publish(db, folder), publish(db, folder)

    assert (first.number if first else None, second) == (1, None)
    assert db.scalar(sa.select(sa.func.count()).select_from(Media)) == 1


def test_a_change_makes_the_next_version_and_leaves_the_old_one(db: Session, tmp_path: Path) -> None:
    """A published version never changes."""
    old = publish(db, sample.write(tmp_path / "1"))
    new = publish(db, sample.write(tmp_path / "2", {"course.yaml": sample.COURSE.replace("en: Small course", "en: Small and new")}))

    assert old
    assert new
    assert (old.number, new.number) == (1, 2)
    assert queries.course_content(db, old.id).title["en"] == "Small course"
    assert queries.course_content(db, new.id).title["en"] == "Small and new"


def test_what_is_stored_is_what_the_files_said(db: Session, tmp_path: Path) -> None:
    """On either database the content comes back equal, languages in the course's order."""
    folder = sample.write(tmp_path)
    version = publish(db, folder)
    db.commit()
    db.expire_all()
    queries._contents.clear()

    assert version
    content = queries.course_content(db, version.id)
    assert content == disk.load(folder)
    assert list(content.title) == ["en", "ru", "prs"]


def test_a_version_is_read_from_the_database_once(db: Session, tmp_path: Path, counted: Callable[[], Any]) -> None:
    """Trainee pages cost nothing for the content after the first one."""
    version = publish(db, sample.write(tmp_path))
    assert version
    queries._contents.clear()

    with counted() as statements:
        for _ in range(3):
            queries.course_content(db, version.id)

    assert len(statements) == 1


def test_files_do_not_win_over_a_course_edited_here(db: Session, tmp_path: Path) -> None:
    """Work done in the editor is never overwritten: the loader refuses and names the files that differ."""
    publish(db, sample.write(tmp_path / "1"))
    course = db.scalar(sa.select(Course))
    assert course
    course.edited_here = True
    changed = sample.write(
        tmp_path / "2",
        {"modules/01-hides/01-car.en.md": sample.CAR["en"].replace("Done.", "Finished."), "media/car.svg": sample.SVG.replace("M0", "M1")},
    )

    with pytest.raises(services.EditedHere) as refused:
        publish(db, changed)

    assert refused.value.files == ["media/car.svg", "modules/01-hides/01-car.en.md"]


def test_a_bad_course_does_not_stop_the_others(own_database: Database, tmp_path: Path) -> None:
    """Good ones are published, the bad one is refused with file, line and reason, and nothing of it is stored."""
    courses, keep_in = tmp_path / "courses", tmp_path / "node"
    sample.write(courses, id="a-good")
    sample.write(courses, {"course.yaml": sample.COURSE.replace("level: basic", "level: simple").replace("id: small", "id: b-bad")}, id="b-bad")
    sample.write(courses, id="c-good")

    results = loading.load_all(own_database, courses, keep_in=keep_in)

    assert [(result.folder, result.taken) for result in results] == [("a-good", True), ("b-bad", False), ("c-good", True)]
    assert results[0].text == "a-good: version 1 published (2 lessons, 6 questions, en, ru, prs)"
    assert results[1].text == (
        "b-bad: refused, 1 to mend\n  b-bad/course.yaml:12:8: «simple» is not one of: basic, advanced"
    )
    with own_database.sessions() as db:
        assert db.scalars(sa.select(Course.slug).order_by(Course.slug)).all() == ["a-good", "c-good"]
    assert [result.text for result in loading.load_all(own_database, courses / "a-good", keep_in=keep_in)] == [
        "a-good: unchanged (2 lessons, 6 questions, en, ru, prs)"
    ]


def test_one_picture_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    """Two courses with the same drawing share the file."""
    one, two = files.keep(tmp_path, b"<svg/>"), files.keep(tmp_path, b"<svg/>")

    assert one == two
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"<svg/>"]


def test_versions_are_listed_in_one_query(db: Session, tmp_path: Path, counted: Callable[[], Any]) -> None:
    """Newest first, without opening a content."""
    rows.publish(db, tmp_path)
    rows.publish(db, tmp_path, {"course.yaml": sample.COURSE.replace("hours: 2", "hours: 3")})

    with counted() as statements:
        found = queries.versions(db)

    assert [(row.slug, row.number) for row in found] == [("small", 2), ("small", 1)]
    assert len(statements) == 1
