"""Rows of travelling tables as JSON and back: which columns travel, what a value looks like, what a row refers to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from app.db import Base, UtcDateTime
from app.sync.canonical import storable
from app.sync.journal import plain


class BadRow(ValueError):
    """A value that its column cannot hold; the text names column and value."""


@cache
def table_named(name: str) -> sa.Table:
    """The table of a name of the catalogue."""
    return Base.metadata.tables[name]


@cache
def travelling(name: str) -> dict[str, sa.Column[Any]]:
    """The columns of a table that travel: all but secrets and the number of the segment."""
    return {c.key: c for c in table_named(name).columns if c.key != "segment" and not c.info.get("secret")}


@cache
def references(name: str) -> dict[str, str]:
    """Column to the table whose id it holds."""
    return {c.key: key.column.table.name for c in table_named(name).columns for key in c.foreign_keys}


@cache
def depth() -> dict[str, int]:
    """Place of each table when those that are referred to come first."""
    return {table.name: place for place, table in enumerate(Base.metadata.sorted_tables)}


def as_json(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it stands in a segment."""
    return {key: plain(row[key]) for key in travelling(name) if key in row}


def from_json(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Values for a table's columns; columns that this release does not know are left out.

    Raises BadRow for a value that its column cannot hold.
    """
    known = travelling(name)
    return {key: _value(known[key], content[key]) for key in content if key in known}


def unknown_columns(name: str, content: Mapping[str, Any]) -> list[str]:
    """What a newer release put into a row of a table that this one knows."""
    return sorted(set(content) - set(travelling(name)))


def _value(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        if not column.nullable:
            raise BadRow(f"{column.table.name}.{column.key} must not be empty")
        return None
    try:
        return _read(column.type, value)
    except (TypeError, ValueError, AttributeError) as wrong:
        raise BadRow(f"{column.table.name}.{column.key} cannot hold {value!r:.60}") from wrong


def _read(kind: Any, value: Any) -> Any:
    if isinstance(kind, sa.Uuid):
        return uuid.UUID(value)
    if isinstance(kind, UtcDateTime):
        return moment(value)
    if isinstance(kind, sa.Date):
        return date.fromisoformat(value)
    if isinstance(kind, sa.JSON):
        return _storable(value)
    if isinstance(kind, sa.Boolean):
        return _exactly(bool, value)
    if isinstance(kind, sa.Integer):
        bits = 63 if isinstance(kind, sa.BigInteger) else 31
        if not -(1 << bits) <= _exactly(int, value) < 1 << bits:
            raise ValueError("too large a number")
        return value
    if isinstance(kind, sa.String):
        if kind.length and len(value) > kind.length:
            raise ValueError("too long")
        return _storable(_exactly(str, value))
    raise TypeError(f"no way to read {kind!r}")


def moment(text: str) -> datetime:
    """The moment that this text says, in UTC. Raises ValueError, also for one beyond the calendar."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no time zone")
    try:
        return found.astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError("beyond the calendar") from beyond


def _storable(value: Any) -> Any:
    if not storable(value):
        raise ValueError("a character that a database does not keep")
    return value


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"not {kind.__name__}")
    return value
