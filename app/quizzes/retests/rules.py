"""Rules of one more attempt at a final test: the waiting time, what is to be read again, the trainer's word. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.quizzes.errors import OpensLater, ReadFirst, StillMarked


@dataclass(frozen=True)
class Locks:
    """What still stands before one more attempt; nothing when it may begin."""

    being_marked: bool = False  # the last attempt has no result yet
    opens_at: datetime | None = None  # the waiting time ends then
    read_first: tuple[str, ...] = ()  # lessons, in the order of teaching

    @property
    def open(self) -> bool:
        """Whether the next attempt may begin, as far as this goes."""
        return not self.being_marked and self.opens_at is None and not self.read_first


UNLOCKED = Locks()


def locks(
    *,
    ended_at: datetime,
    being_marked: bool,
    missed: Collection[str],
    lessons: Iterable[tuple[str, Collection[str]]],
    read_at: Mapping[str, datetime] | None,
    wait_hours: int | None,
    remedial: bool,
    granted: bool,
    now: datetime,
) -> Locks:
    """What stands before the next attempt.

    `ended_at`: when the last one was handed in; `missed`: the outcomes with lost points in it; `lessons`: each lesson with
    its outcomes; `read_at`: when each lesson was last read to its end, None where nobody asks. `granted`: the trainer has
    given an attempt since, and his word waives the waiting and the reading.
    """
    if being_marked:
        return Locks(being_marked=True)
    if granted:
        return Locks()
    opens = ended_at + timedelta(hours=wait_hours or 0)
    unread: tuple[str, ...] = ()
    if remedial and read_at is not None:
        unread = tuple(
            id for id, outcomes in lessons if set(outcomes) & set(missed) and not (id in read_at and read_at[id] > ended_at)
        )
    return Locks(opens_at=opens if opens > now else None, read_first=unread)


def may_start_again(before: Locks) -> None:
    """Raises StillMarked, OpensLater, ReadFirst."""
    if before.being_marked:
        raise StillMarked()
    if before.opens_at is not None:
        raise OpensLater(before.opens_at)
    if before.read_first:
        raise ReadFirst()
