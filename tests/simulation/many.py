"""Histories by the thousand, in several processes, each with a first day of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

from tests.simulation.history import Told, simulation


def told(first: int, histories: int, jobs: int) -> Iterator[Told]:
    """What came of each seed from `first` on, in their order. Raises EOFError when a process dies."""
    context = multiprocessing.get_context("spawn")
    ends = []
    try:
        for job in range(jobs):
            here, there = context.Pipe(duplex=False)
            context.Process(target=_histories, args=(there, range(first + job, first + histories, jobs))).start()
            there.close()
            ends.append(here)
        for place in range(histories):
            yield ends[place % jobs].recv()
    finally:
        for end in ends:
            end.close()  # whoever still works ends when nobody listens


def _histories(end: Connection, seeds: range) -> None:
    with simulation() as simulated:
        for seed in seeds:
            told = simulated.history(seed)
            if told.violation is not None:
                told.violation.__cause__ = None  # a traceback does not travel
            try:
                end.send(told)
            except BrokenPipeError:
                return
