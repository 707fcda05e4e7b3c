"""Files kept under their SHA-256 in the node's folder: pictures of courses, printed papers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from app.ids import new_token


def path_of(folder: Path, sha256: str) -> Path:
    """Where the file of this SHA-256 is, in a folder for its kind."""
    return folder / sha256[:2] / sha256


def keep(folder: Path, data: bytes) -> str:
    """Keep a file; gives its SHA-256. It is whole or not there at all, also after a power cut."""
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


def kept(folder: Path, sha256: str) -> bytes | None:
    """The file of this SHA-256; None when it is gone or is not what it was."""
    path = path_of(folder, sha256)
    data = path.read_bytes() if path.exists() else b""
    return data if hashlib.sha256(data).hexdigest() == sha256 else None
