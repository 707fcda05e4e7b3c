"""`sabaq course load`: courses from their folders into the database. A bad course never stops the others."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from app import clock, files
from app.courses import disk, media, services
from app.courses.problems import BadCourse
from app.db import Database
from app.errors import DomainError
from app.work import work


@dataclass(frozen=True)
class Result:
    """What became of one folder, in words for a terminal."""

    folder: str
    taken: bool
    text: str


def load_all(database: Database, folder: Path, *, keep_in: Path, actor_id: uuid.UUID | None = None) -> list[Result]:
    """Publish every course in a folder of courses, or the one course whose folder this is."""
    if (folder / "course.yaml").exists() or not folder.is_dir():
        return [load_folder(database, folder, keep_in=keep_in, actor_id=actor_id)]
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [load_folder(database, path, keep_in=keep_in, actor_id=actor_id) for path in found]


def load_folder(database: Database, folder: Path, *, keep_in: Path, actor_id: uuid.UUID | None = None) -> Result:
    """Publish one course; reading and keeping its pictures is done before the write lock is taken."""
    name = folder.name
    if not folder.is_dir():
        return Result(name, False, f"{name}: refused, there is no folder {folder}")
    try:
        content = disk.load(folder)
        pictures = disk.media_of(folder, content)
        for data in pictures.values():
            files.keep(keep_in / media.FOLDER, data)
        with work(database, actor_id) as db:
            version = services.publish(db, content, pictures=pictures, now=clock.now(), actor_id=actor_id, note="from files")
            number = version.number if version else None
    except BadCourse as bad:
        lines = [f"  {folder.name}/{problem}" for problem in bad.problems]
        return Result(name, False, "\n".join([f"{name}: refused, {len(lines)} to mend", *lines]))
    except DomainError as refused:
        return Result(name, False, f"{name}: refused. {refused}")
    said = f"version {number} published" if number else "unchanged"
    counts = f"{len(content.lessons)} lessons, {len(content.bank)} questions, {', '.join(content.all_languages)}"
    return Result(name, True, f"{name}: {said} ({counts})")
