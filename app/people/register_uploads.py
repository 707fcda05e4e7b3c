"""Files kept in the node's folder between a preview and the take-over: one a person, named by a token, gone afterwards."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.errors import NotFound
from app.ids import new_token

KEPT = timedelta(hours=24)
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass
class Upload:
    """A file that somebody sent, and what he said about it."""

    folder: Path
    token: str
    person_id: uuid.UUID
    name: str  # as it was called on his PC
    at: datetime
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        """The bytes that were sent."""
        return (self.folder / f"{self.token}.file").read_bytes()

    def save(self) -> None:
        """Keep what was said."""
        about = {"person": str(self.person_id), "name": self.name, "at": self.at.isoformat(), "said": self.said}
        part = self.folder / f"{self.token}.part"
        part.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        part.replace(self.folder / f"{self.token}.json")

    def drop(self) -> None:
        """Throw the file away."""
        for path in self.folder.glob(f"{self.token}.*"):
            path.unlink(missing_ok=True)


def keep(folder: Path, *, person_id: uuid.UUID, name: str, data: bytes, now: datetime) -> Upload:
    """Keep a file for a person; his last one and everybody's old ones go."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for other in _all(folder):
        if other.person_id == person_id or now - other.at > KEPT:
            other.drop()
    upload = Upload(folder, new_token(128), person_id, name[-120:], now)
    path = folder / f"{upload.token}.file"
    path.touch(mode=0o600)
    path.write_bytes(data)
    upload.save()
    return upload


def find(folder: Path, *, token: str, person_id: uuid.UUID) -> Upload:
    """The file of this person under a token. Raises NotFound for anybody else's, and once it is gone."""
    if not TOKEN.fullmatch(token):
        raise NotFound()
    upload = _read(folder / f"{token}.json")
    if upload is None or upload.person_id != person_id or not (folder / f"{token}.file").exists():
        raise NotFound()
    return upload


def _all(folder: Path) -> list[Upload]:
    return [upload for upload in map(_read, folder.glob("*.json")) if upload is not None]


def _read(path: Path) -> Upload | None:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return Upload(path.parent, path.stem, uuid.UUID(about["person"]), about["name"], datetime.fromisoformat(about["at"]), about["said"])
    except (OSError, ValueError, KeyError):
        return None
