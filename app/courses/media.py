"""Pictures of courses, kept once under their SHA-256 in the node's folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from app.ids import new_token

MIME = {"svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg"}


def path_of(folder: Path, sha256: str) -> Path:
    """Where a picture is kept in a node's folder."""
    return folder / "media" / sha256[:2] / sha256


def mime_of(file: str) -> str:
    """What a picture is, by the end of its name; the loader has looked inside."""
    return MIME[file.rpartition(".")[2]]


def keep(folder: Path, data: bytes) -> str:
    """Keep a picture; gives its SHA-256. It is whole or not there at all, also after a power cut."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = path_of(folder, sha256)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{sha256}.{new_token(64)}")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    return sha256
