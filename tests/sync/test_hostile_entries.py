"""A class server whose key is good and whose content is not: a fault, another release, a thief. Nothing that it says stops the exchange."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db import UtcDateTime
from app.errors import BadSegment
from app.sync import applying, rows
from app.sync.applying import Trust
from app.sync.catalogue import TABLES
from app.sync.models import HeldEntry
from tests.sync.format import CLASS, NOON, a_segment, json_values

TRUST = Trust("test", {"class-korday": CLASS.public.sign})
NAMES = sorted(table.name for table in TABLES)
IDS = [f"01931c5e-0000-7000-8000-{n:012x}" for n in range(4)]  # few, so that entries meet and refer to each other

ids = st.sampled_from(IDS)
texts = st.sampled_from(["", "x", "\0", "\ud800", "😀" * 99, "y" * 5000, "class-korday", "test", "2026-11-22", "-1"])
moments = st.sampled_from(
    ["2026-11-22T12:00:00+00:00", "2026-11-22T12:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-22", "20261122T120000Z", "now"]
)  # fmt: skip
numbers = st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, 2**63, 10**30, -(2**63) - 1, 0.5, 1e308, True])
bad = texts | moments | numbers | json_values | ids


def _value(column: sa.Column[Any]) -> st.SearchStrategy[Any]:
    """Mostly what the column wants, sometimes what no column holds."""
    kind = column.type
    good: st.SearchStrategy[Any] = st.just("x")
    if column.key == "owner_node":
        good = st.sampled_from(["class-korday", "class-korday", "class-korday", "test"])
    elif isinstance(kind, sa.Uuid):
        good = ids
    elif isinstance(kind, UtcDateTime):
        good = st.just("2026-11-22T12:00:00+00:00")
    elif isinstance(kind, sa.Date):
        good = st.just("2026-11-22")
    elif isinstance(kind, sa.JSON):
        good = json_values
    elif isinstance(kind, sa.Boolean):
        good = st.booleans()
    elif isinstance(kind, sa.Integer):
        good = st.integers(0, 5)
    return st.integers(0, 19).flatmap(lambda dice: bad if dice == 0 else (st.none() if dice == 1 and column.nullable else good))


def _content(name: str) -> st.SearchStrategy[dict[str, Any]]:
    columns = rows.travelling(name)
    return st.fixed_dictionaries({}, optional={"later": json_values, "segment": numbers}).flatmap(
        lambda more: st.fixed_dictionaries({key: _value(column) for key, column in columns.items()}).map(lambda content: content | more)
    )


names = st.sampled_from(NAMES)
parts = names.flatmap(lambda name: st.tuples(st.just(name), st.none() | _content(name), st.none() | _content(name)))
facts = names.flatmap(lambda name: st.tuples(st.just("f"), st.just(name), _content(name)).map(list))
changes = st.builds(
    lambda part, row, key, at, actor, version: ["c", part[0], row, {"id": key, "at": at, "actor_id": actor, "version": version, "before": part[1], "after": part[2]}],
    parts, ids, st.uuids().map(str) | ids, moments, st.none() | ids | texts, st.integers(0, 4) | numbers,
)  # fmt: skip
odd = st.builds(lambda form, rest: [form, *rest], st.sampled_from(["f", "c", "r", "g", "later", "\0", "\ud800"]), st.lists(names | bad | st.just({}), max_size=4))


@given(st.lists(facts | changes | odd, min_size=1, max_size=4))
@example([["f", "\0", {}], ["f", "\ud800", {}], ["later\0", "person", {}]])
@example([["c", "person", IDS[0], {"id": IDS[1], "at": "2026-11-22T12:00:00+00:00", "actor_id": None, "version": 1, "before": None, "after": {"later": "\0\ud800"}}]])
@example([["f", "clock_step", {"id": IDS[0], "owner_node": "class-korday", "noticed_at": "9999-12-31T23:59:59-14:00", "step_ms": 2**63}]])
@example([["f", "clock_step", {"id": IDS[0], "owner_node": "class-korday", "noticed_at": "2026-11-22T12:00:00+00:00", "step_ms": n}] for n in (1, 2, 1)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_a_known_node_signs_the_exchange_goes_on(db: Session, entries: list[Any]) -> None:
    """Each entry is applied, known already, or held with a reason: none is lost without a word, and none raises an error."""
    inner = db.begin_nested()
    try:
        taken = applying.take(db, a_segment(entries), trust=TRUST, now=NOON)
        db.flush()
        held = db.scalar(sa.select(sa.func.count()).select_from(HeldEntry))

        assert taken.new + taken.known + (held or 0) >= len(entries)
        assert applying.retry_held(db, trust=TRUST, now=NOON, also=["unknown"]) >= 0
    except BadSegment as refused:
        raise AssertionError("a segment that is signed and whole is taken") from refused
    finally:
        inner.rollback()
        db.expunge_all()
