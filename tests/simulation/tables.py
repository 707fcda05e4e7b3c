"""Which of the product's travelling tables the simulated network uses. The others stay empty; asking for their rows at each step costs more
than the rest of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from app.sync import rebuild, scope
from app.sync.catalogue import TABLES, Kind, Table

USED = frozenset(
    {
        "country", "agency", "office", "classroom", "seat", "person", "person_name", "posting", "role_grant", "person_merge", "course",
        "course_version", "course_run", "run_trainer", "enrolment", "meeting", "attendance_mark", "minutes_line", "seating", "attempt", "answer",
        "mark", "incident", "attempt_event", "lesson_progress", "number_block", "certificate", "certificate_event", "node", "hand_over",
        "segment_release", "erasure", "audit_event", "notice", "clock_step",
    }
)  # fmt: skip


def _used(kind: Kind) -> tuple[str, ...]:
    return tuple(table.name for table in TABLES if table.kind is kind and table.name in USED)


FACTS, RECORDS = _used(Kind.FACT), _used(Kind.RECORD)
LEDGER = (*FACTS, "journal_entry")  # what is acknowledged once it is stored: facts, and changes of records
EMPTY = tuple(table.name for table in TABLES if table.kind is not Kind.STAYS and table.name not in USED)


def _is_used(table: Table) -> bool:
    return table.name in USED


@contextmanager
def few_tables() -> Iterator[None]:
    """What a class server needs, and what is compared with what was made anew, without the tables that stay empty here."""
    goes = {model: rule for model, rule in scope.GOES.items() if model.__table__.name in USED}  # type: ignore[attr-defined]
    with mock.patch.object(scope, "GOES", goes), mock.patch.object(rebuild, "TABLES", tuple(filter(_is_used, TABLES))):
        yield
