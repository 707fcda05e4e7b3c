"""The journal: each change of a travelling record becomes one entry in the same transaction, without anybody asking."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session, configure_mappers, sessionmaker

from app import clock
from app.db import Base, Fact, Record
from app.errors import CentreOnly, NotOurs
from app.ids import new_id
from app.sync.models import Epoch, JournalEntry


class BulkChangeRefused(RuntimeError):
    """An UPDATE or DELETE statement on a travelling table: the journal would not see it."""


def keep(sessions: sessionmaker[Session]) -> None:
    """Note every change that goes through these sessions."""
    configure_mappers()
    for mapper in Base.registry.mappers:
        for attribute in mapper.column_attrs:
            # An expired value is read again before it is replaced, so that the entry knows what was there before.
            getattr(mapper.class_, attribute.key).impl.active_history = True
    event.listen(sessions, "before_flush", _own_new_rows)
    event.listen(sessions, "after_flush", _collect)
    event.listen(sessions, "before_commit", _write_down)
    event.listen(sessions, "after_soft_rollback", _forget)
    event.listen(sessions, "do_orm_execute", _refuse_bulk)


@contextmanager
def taking_over(db: Session) -> Iterator[None]:
    """For the length of it, this session may change rows of other owners: the centre alone, and only to make them its own or another's."""
    db.info["taking_over"] = True
    try:
        yield
        db.flush()
    finally:
        db.info.pop("taking_over", None)


def acts(db: Session, person_id: uuid.UUID | None) -> None:
    """From here on this session's changes are made by this person."""
    db.info["actor_id"] = person_id


def _own_new_rows(db: Session, _context: Any, _instances: Any) -> None:
    for row in db.new:
        if getattr(row, "owner_node", None) == "":
            row.owner_node = db.info["node"]
        if db.info.get("role") == "classroom" and row.__table__.name in CentreOnly.SENTENCES:
            raise CentreOnly(row.__table__.name)
        if isinstance(row, Record):
            _next_version(db, row)
    for row in db.dirty:
        if isinstance(row, Fact) and db.is_modified(row) and _changed(row) - {"segment"}:
            raise BulkChangeRefused(f"{type(row).__name__} rows are facts: they are only ever added")
        if isinstance(row, Record) and db.is_modified(row):
            _refuse_others_rows(db, row)
            _next_version(db, row)
    for row in db.deleted:
        if isinstance(row, Record):
            _refuse_others_rows(db, row)
            _next_version(db, row)


def _refuse_others_rows(db: Session, row: Record) -> None:
    """Only its owner changes a row; giving it away is the owner's last change."""
    if db.info.get("taking_over"):
        return
    handed = inspect(row).attrs.owner_node.history.deleted
    owner = handed[0] if handed else row.owner_node
    if owner != db.info["node"] and row.id not in db.info.get("versioned", ()):
        raise NotOurs(table=type(row).__tablename__, node=owner)  # type: ignore[attr-defined]


def _next_version(db: Session, row: Record) -> None:
    """One step a row and transaction. Changes of a later life of this database beat those of an earlier one, which it may not know."""
    versioned: set[uuid.UUID] = db.info.setdefault("versioned", set())
    if row.id in versioned:
        return
    if "floor" not in db.info:
        db.info["floor"] = (max(db.scalar(sa.select(sa.func.max(Epoch.ordinal))) or 1, 1) - 1) << 32
    versioned.add(row.id)
    row.version = max(row.version or 0, db.info["floor"]) + 1


def _changed(row: Any) -> set[str]:
    return {a.key for a in inspect(row).attrs if a.history.has_changes()}


def _collect(db: Session, _context: Any) -> None:
    entries: dict[uuid.UUID, dict[str, Any]] = db.info.setdefault("journal", {})
    for row in db.new:
        if isinstance(row, Record):
            _merge(entries, row, before=None, after=_values(row))
    changed = [row for row in db.dirty if isinstance(row, Record) and db.is_modified(row)]
    for row in sorted(changed, key=_place):  # as they are given, their order is that of their addresses in memory
        before, after = _difference(row)
        if after:
            _merge(entries, row, before=before, after=after)
    for row in db.deleted:
        if isinstance(row, Record):
            _merge(entries, row, before=_values(row), after=None)


def _place(row: Any) -> tuple[str, bytes]:
    return row.__table__.name, row.id.bytes


def _merge(entries: dict[uuid.UUID, dict[str, Any]], row: Any, *, before: Any, after: Any) -> None:
    """One entry a row and transaction, however often it was flushed: the first before, the last after."""
    known = entries.setdefault(row.id, {"table": row.__table__.name, "row_id": row.id, "before": before, "after": after, "version": row.version})
    if known["after"] is after:
        return
    if after is None:
        known["after"] = None
    else:
        known["after"] = (known["after"] or {}) | after
        if known["before"] is not None:
            known["before"] = before | known["before"]


def _columns(row: Any) -> list[Any]:
    # The version is the entry's own column.
    return [a for a in inspect(row).mapper.column_attrs if a.key != "version" and not a.columns[0].info.get("secret")]


def _values(row: Any) -> dict[str, Any]:
    loaded = inspect(row).dict
    return {a.key: plain(loaded[a.key]) for a in _columns(row) if a.key in loaded}


def _difference(row: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = {}, {}
    for attribute in _columns(row):
        history = inspect(row).attrs[attribute.key].history
        if history.has_changes():
            before[attribute.key] = plain(history.deleted[0]) if history.deleted else None
            after[attribute.key] = plain(history.added[0]) if history.added else None
    return before, after


def plain(value: Any) -> Any:
    """A column's value as JSON holds it."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value


def _write_down(db: Session) -> None:
    if db.in_nested_transaction():
        return
    db.flush()
    entries = db.info.pop("journal", None)
    for kept in ("versioned", "floor"):
        db.info.pop(kept, None)
    if not entries:
        return
    now, actor, node = clock.now(), db.info.get("actor_id"), db.info["node"]
    rows = [
        {"id": new_id(), "at": now, "actor_id": actor, "segment": None, "node": node, "number": number, "refused": None, **entry}
        for number, entry in zip(_numbers(db, len(entries)), entries.values(), strict=True)
    ]
    db.execute(sa.insert(JournalEntry.__table__), rows)  # type: ignore[arg-type]


def change_of_a_row_not_here(
    db: Session, *, table: str, row_id: uuid.UUID, before: dict[str, Any], after: dict[str, Any], above: int, by: uuid.UUID | None, now: datetime
) -> None:
    """Note an own change of a row that could not be made here yet, so that with it it can be: the fold of its entries (applying.fold).

    `above`: the highest version that its entries have.
    """
    _note(db, table=table, row_id=row_id, before=before, after=after, above=above, by=by, now=now)


def change_of_a_row_that_is_not_ours(
    db: Session, *, table: str, row_id: uuid.UUID, before: dict[str, Any], after: dict[str, Any], above: int, by: uuid.UUID | None, now: datetime
) -> int:
    """Note a change of a row that only its owner takes for ours (sync/arriving.py): it counts there. Gives the version.

    `above`: the version of the row here.
    """
    return _note(db, table=table, row_id=row_id, before=before, after=after, above=above, by=by, now=now)


def begin_anew(db: Session, *, table: str, row_id: uuid.UUID, after: dict[str, Any], above: int, by: uuid.UUID | None, now: datetime) -> int:
    """Note the whole row as a new beginning, by the centre: what was before was erased (sync/erasing.py). Gives the version.

    `above`: the highest version that was known of it.
    """
    return _note(db, table=table, row_id=row_id, before=None, after=after, above=above, by=by, now=now)


def _note(
    db: Session, *, table: str, row_id: uuid.UUID, before: dict[str, Any] | None, after: dict[str, Any], above: int, by: uuid.UUID | None, now: datetime
) -> int:
    floor = (max(db.scalar(sa.select(sa.func.max(Epoch.ordinal))) or 1, 1) - 1) << 32
    version = max(above, floor) + 1
    entry = {
        "id": new_id(), "at": now, "actor_id": by, "table": table, "row_id": row_id, "before": before, "after": after, "segment": None,
        "number": next(iter(_numbers(db, 1))), "node": db.info["node"], "version": version, "refused": None,
    }
    db.execute(sa.insert(JournalEntry.__table__), [entry])  # type: ignore[arg-type]
    return version


def _numbers(db: Session, count: int) -> Iterable[int]:
    """The next numbers. Whoever builds on a change has seen it committed and is numbered later; nothing else is read from them."""
    if db.get_bind().dialect.name == "postgresql":
        return db.execute(sa.text("SELECT nextval('journal_entry_number') FROM generate_series(1, :count)"), {"count": count}).scalars().all()
    highest = db.scalar(sa.select(sa.func.max(JournalEntry.number))) or 0
    return range(highest + 1, highest + 1 + count)


def _forget(db: Session, previous: Any) -> None:
    if previous.parent is None:
        for kept in ("journal", "versioned", "floor"):
            db.info.pop(kept, None)


def _refuse_bulk(state: ORMExecuteState) -> None:
    if (state.is_update or state.is_delete) and state.bind_mapper is not None:
        table = state.bind_mapper.class_
        if issubclass(table, (Record, Fact)):
            raise BulkChangeRefused(f"change rows of {table.__name__} one by one: the journal notes each")
