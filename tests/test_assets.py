"""Static files of a release: copied once, the copies of old releases removed."""

from __future__ import annotations

import os
from pathlib import Path

from app.assets import Assets


def test_the_release_before_stays_until_the_next_one(tmp_path: Path) -> None:
    """A web process of the last release goes on serving its styles while a job of the new one begins; older copies go."""
    for age, name in enumerate(["last", "older", "oldest"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))

    folder = Assets(tmp_path).prepare()

    assert {one.name for one in tmp_path.iterdir()} == {folder.name, "last"}
