"""How fast a slot is judged with a large pool and years of bookings; in the processor's time, beside the speed of the machine."""

from __future__ import annotations

import time

import pytest

from app.db import Database
from app.planning import proposal, queries
from app.schedule.models import SessionSlot
from tests.planning.pool import NOW, fill

SLACK = 4
"""Machines of tests are slow and busy: the figure itself is that of `make bench`."""


def best_of(tries: int, work: object) -> float:
    """Seconds of processor time of the fastest try."""
    found = []
    for _ in range(tries):
        begun = time.process_time()
        work()  # type: ignore[operator]
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.goal("SCH-03")
def test_five_hundred_trainers_are_judged_for_a_slot_in_no_time(own_database: Database) -> None:
    """All constraints, everybody: under 300 ms on an idle machine. The bookings of half a year, beyond which none is read; `make bench` has two."""
    filled = fill(own_database, trainers=500, weeks=26)
    with own_database.sessions() as db:
        slot = db.get_one(SessionSlot, filled.slot_ids[0])
        found = queries.judged(db, slot, now=NOW)

        took = best_of(4, lambda: queries.judged(db, slot, now=NOW))

    assert filled.bookings > 25_000
    assert len(found) == 500
    assert {one.group for one in found} == {"suggested", "with-reason", "not-available"}
    assert took < 0.3 * SLACK


@pytest.mark.goal("SCH-10")
def test_sixty_sessions_are_proposed_in_no_time(own_database: Database) -> None:
    """Forty trainers, sixty empty slots, read, judged and solved: under two seconds on an idle machine."""
    fill(own_database, trainers=40, sessions=60, weeks=26)
    with own_database.sessions() as db:

        def propose() -> proposal.Proposal:
            return proposal.propose(db, first=NOW.date(), last=NOW.replace(year=2027).date(), paths=["/"], now=NOW)

        made = propose()
        took = best_of(2, propose)

    assert len(made.rows) == 60
    assert any(row.verdict is not None for row in made.rows)
    assert took < 2.0 * SLACK
