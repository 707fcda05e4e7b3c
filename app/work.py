"""The same short transaction for jobs and commands that http.py gives to requests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.db import Database, take_write_lock, transaction
from app.sync.journal import acts


@contextmanager
def work(database: Database, actor_id: uuid.UUID | None = None) -> Iterator[Session]:
    """One writing transaction: leaving commits, raising rolls back. Slow work comes before it or after it."""
    with transaction(database.sessions) as db:
        take_write_lock(db)
        acts(db, actor_id)
        yield db
