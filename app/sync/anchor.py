"""The anchor: a file outside the database that holds the own newest head, so that a restored or cloned database is noticed."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Anchor:
    """The newest own segment as last written down."""

    node: str
    epoch: str
    ordinal: int
    number: int
    hash: str
    machine: str


def this_machine() -> str:
    """A short name of the machine, told from others; empty where the system gives it none."""
    try:
        text = MACHINE_ID.read_text().strip()
    except OSError:
        return ""
    return hashlib.sha256(b"sabaq anchor " + text.encode()).hexdigest()[:16]


def read(folder: Path) -> Anchor | None:
    """The anchor, or None where there is none that can be read: then the database's past is not certain."""
    try:
        return Anchor(**json.loads((folder / "anchor.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(folder: Path, anchor: Anchor) -> None:
    """Put the anchor in place, whole or not at all, and on the disk.

    Two processes may seal at once; an anchor that names the older of their heads is one that the database is ahead of.
    """
    part = folder / f".anchor.{os.getpid()}.{threading.get_ident()}"
    with part.open("w", encoding="utf-8") as file:
        json.dump(asdict(anchor), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / "anchor.json")
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
