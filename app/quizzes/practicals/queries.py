"""Reads of practical work: what was handed in and how it is marked, for one person or a whole run."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent, Practical
from app.quizzes.models import PracticalMark, PracticalWork
from app.quizzes.practicals import rules
from app.quizzes.practicals.rules import Rating, Standing


@dataclass
class Held:
    """What is on record of one person's practical: the newest work, and the newest mark of each place."""

    work: PracticalWork | None = None
    marks: dict[int, PracticalMark] = field(default_factory=dict)

    @property
    def ratings(self) -> list[Rating]:
        """The marks as the rules know them."""
        return [Rating(one.place, one.number, one.items) for one in self.marks.values()]

    @property
    def raters(self) -> dict[int, uuid.UUID]:
        """Who rated, by place."""
        return {place: one.rater_id for place, one in self.marks.items()}

    def standing(self, practical: Practical) -> Standing:
        """Where this person stands with it."""
        return rules.standing(practical, self.work.values if self.work else None, self.ratings)


Works = dict[uuid.UUID, dict[str, Held]]
"""By enrolment and practical; a person or practical without anything on record is missing."""


# Made once: putting them together costs more than running them.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_WORKS = sa.select(PracticalWork).where(PracticalWork.enrolment_id.in_(_IDS)).order_by(PracticalWork.number)
_MARKS = sa.select(PracticalMark).where(PracticalMark.enrolment_id.in_(_IDS)).order_by(PracticalMark.number)


def held_of(db: Session, enrolment_ids: Iterable[uuid.UUID]) -> Works:
    """What is on record of the practicals of some people. Two queries."""
    ids = {"ids": list(enrolment_ids)}
    found: Works = {}
    for work in db.scalars(_WORKS, ids):
        _at(found, work.enrolment_id, work.practical).work = work
    for mark in db.scalars(_MARKS, ids):
        _at(found, mark.enrolment_id, mark.practical).marks[mark.place] = mark
    return found


def _at(found: Works, enrolment_id: uuid.UUID, practical: str) -> Held:
    return found.setdefault(enrolment_id, {}).setdefault(practical, Held())


def standings(content: CourseContent, held: Mapping[str, Held]) -> dict[str, Standing]:
    """Where one person stands with each practical of his course."""
    return {one.id: held.get(one.id, Held()).standing(one) for one in content.practicals}
