"""Alembic's entry: runs the scripts on the connection that app.ops.migrations hands over."""

from typing import Any

from alembic import context

from app.db import Base, Json, UtcDateTime
from app.sync import catalogue  # noqa: F401  (loads every table)


def written(kind: str, thing: Any, _context: Any) -> Any:
    """How a script names our own column types."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "app.db.UtcDateTime()"
    if kind == "type" and thing is Json:
        return "app.db.Json"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_item=written,
)
context.run_migrations()
