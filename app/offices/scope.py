"""Office prefixes as a condition in SQL: the other half of `policy.scope`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa


def under(path: sa.ColumnElement[str] | Any, prefixes: Iterable[str]) -> sa.ColumnElement[bool]:
    """The condition that an office path begins with one of the prefixes; with none of them no path does.

    Letter for letter as `policy.allowed` compares: LIKE would take small and capital letters as the same on SQLite.
    """
    return sa.or_(sa.false(), *(sa.func.substr(path, 1, len(prefix)) == prefix for prefix in prefixes))
