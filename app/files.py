"""Files kept under their SHA-256 in the node's folder: pictures of courses, printed papers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
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


def keep_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Keep a large file under this path, whole or not at all; whoever gives the pieces raises where they are not what they should be."""
    part = path.with_name(f".{path.name}.{new_token(64)}")
    try:
        with part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def kept(folder: Path, sha256: str) -> bytes | None:
    """The file of this SHA-256; None when it is gone or is not what it was."""
    path = path_of(folder, sha256)
    data = path.read_bytes() if path.exists() else b""
    return data if hashlib.sha256(data).hexdigest() == sha256 else None
