"""What pictures of courses are; they are kept under their SHA-256 in the node's folder for media (app/files.py)."""

from __future__ import annotations

FOLDER = "media"
MIME = {"svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "csv": "text/csv"}


def mime_of(file: str) -> str:
    """What a file is, by the end of its name; the loader has looked inside."""
    return MIME[file.rpartition(".")[2]]
