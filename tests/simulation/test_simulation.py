"""Histories of a network under faults, none of which may break an invariant; and that a seed replays to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.history import Simulation

HISTORIES, CHUNKS = 2000, 50  # small chunks keep two workers busy to the end; `make simulate` goes on to 100,000
EACH = HISTORIES // CHUNKS
OPEN_FILES = Path("/proc/self/fd")


@pytest.mark.history
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.goal("NET-22")
def test_no_history_breaks_an_invariant(simulated: Simulation, chunk: int) -> None:
    """Power, disks, clocks, sticks, thieves and releases fail as the seed says: nothing acknowledged is lost, counted twice or
    made of another order, and once faults stop all nodes come together in three rounds."""
    faults: Counter[str] = Counter()
    for seed in range(chunk * EACH + 1, (chunk + 1) * EACH + 1):
        told = simulated.history(seed)
        assert told.violation is None, f"{told}\nAgain: python -m tests.simulation --seed {seed}"
        faults.update(told.happened)

    assert set(faults) >= {"clone", "restore", "clock"}


@pytest.mark.goal("NET-22")
def test_a_seed_replays_to_the_byte(simulated: Simulation) -> None:
    """The same seed gives the same history: every bundle, every line, every id, in whatever order and process."""
    told = [simulated.history(seed) for seed in (3, 7)]

    again = [simulated.history(seed) for seed in (7, 3)]
    elsewhere = [_in_another_process(seed) for seed in ("3", "7")]

    assert [one.trace for one in reversed(again)] == [one.trace for one in told]
    assert elsewhere == [[*str(one).splitlines(), f"trace {one.trace}"] for one in told]
    assert told[0].trace != told[1].trace


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="the system does not tell which files are open")
def test_a_history_leaves_no_file_open(simulated: Simulation) -> None:
    """Thousands of histories in one process must not run out of files."""
    simulated.history(3)
    before = len(list(OPEN_FILES.iterdir()))

    simulated.history(7)

    assert len(list(OPEN_FILES.iterdir())) == before


def _in_another_process(seed: str) -> list[str]:
    """What another process, with other hashes and other addresses, tells of a seed."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", seed], capture_output=True, text=True, check=True, timeout=300,
        cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONHASHSEED": "12345"},
    ).stdout.splitlines()  # fmt: skip
