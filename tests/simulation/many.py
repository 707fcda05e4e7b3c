"""Histories by the thousand, in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

from tests.simulation.history import Told, simulation

AT_ONCE = 20  # histories that a process is given


def told(first: int, histories: int, jobs: int) -> Iterator[Told]:
    """What came of each seed from `first` on, in their order."""
    chunks = [(at, min(AT_ONCE, first + histories - at)) for at in range(first, first + histories, AT_ONCE)]
    if jobs == 1:
        with simulation() as simulated:
            for at in range(first, first + histories):
                yield simulated.history(at)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for some in pool.imap(_chunk, chunks):
            yield from some


def _chunk(chunk: tuple[int, int]) -> list[Told]:
    first, count = chunk
    with simulation() as simulated:  # the first day is kept
        return [simulated.history(seed) for seed in range(first, first + count)]
