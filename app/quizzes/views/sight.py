"""Which run or which person of a run a page of marking is about, and who teaches it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import sqlalchemy as sa
from flask import g
from sqlalchemy.orm import Session

from app import i18n
from app.courses.content import CourseContent, Practical, Quiz
from app.courses.queries import course_content
from app.errors import NotFound
from app.http import actor
from app.policy import Target, scope
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from app.runs.queries import Member, Teacher, roster, trainers_of
from app.runs.views.sight import covering, places_of, the_run


@dataclass(frozen=True)
class Taught:
    """A run as its trainers and its class manager see it."""

    run: CourseRun
    teachers: tuple[Teacher, ...]
    enrolment: Enrolment | None = field(default=None)

    @cached_property
    def content(self) -> CourseContent:
        """The course version that it gives."""
        return course_content(g.db, self.run.course_version_id)

    @cached_property
    def members(self) -> list[Member]:
        """Its people in the order of the alphabet."""
        return roster(g.db, self.run.id)

    @property
    def member(self) -> Member:
        """The person that the page is about. Raises NotFound."""
        found = next((one for one in self.members if self.enrolment and one.enrolment_id == self.enrolment.id), None)
        if found is None:
            raise NotFound()
        return found

    @property
    def one(self) -> Enrolment:
        """The enrolment that the page is about."""
        if self.enrolment is None:
            raise NotFound()
        return self.enrolment

    def practical(self, id: str) -> Practical:
        """A practical of the course. Raises NotFound."""
        found = self.content.practical(id)
        if found is None:
            raise NotFound()
        return found

    def quiz(self, id: str) -> Quiz:
        """A test of the course. Raises NotFound."""
        found = self.content.quiz(id)
        if found is None:
            raise NotFound()
        return found

    def say(self, texts: dict[str, str]) -> str:
        """A text of the course in the language of the page."""
        return self.content.say(texts, i18n.language())


def taught(action: str) -> Callable[[Session, str], tuple[Taught, Target]]:
    """A run of the address: for its trainers, and for roles over the offices that give it."""

    def find(db: Session, code: str) -> tuple[Taught, Target]:
        run = the_run(db, code)
        return _seen(db, run, action)

    return find


def person_of(action: str) -> Callable[[Session, str, uuid.UUID], tuple[Taught, Target]]:
    """One person of a run of the address."""

    def find(db: Session, code: str, enrolment_id: uuid.UUID) -> tuple[Taught, Target]:
        run = the_run(db, code)
        enrolment = db.scalar(sa.select(Enrolment).where(Enrolment.id == enrolment_id, Enrolment.run_id == run.id))
        if enrolment is None:
            raise NotFound()
        return _seen(db, run, action, enrolment)

    return find


def attempt_of(action: str) -> Callable[[Session, str, uuid.UUID], tuple[tuple[Taught, Attempt], Target]]:
    """An attempt of somebody in a run of the address."""

    def find(db: Session, code: str, attempt_id: uuid.UUID) -> tuple[tuple[Taught, Attempt], Target]:
        run = the_run(db, code)
        row = db.execute(
            sa.select(Attempt, Enrolment).join(Enrolment, Enrolment.id == Attempt.enrolment_id)
            .where(Attempt.id == attempt_id, Enrolment.run_id == run.id)
        ).one_or_none()
        if row is None:
            raise NotFound()
        seen, target = _seen(db, run, action, row[1])
        return (seen, row[0]), target

    return find


def _seen(db: Session, run: CourseRun, action: str, enrolment: Enrolment | None = None) -> tuple[Taught, Target]:
    teachers = tuple(trainers_of(db, [run.id]).get(run.id, ()))
    path = covering(scope(actor(), action), places_of(run)) or run.office.path
    return Taught(run, teachers, enrolment), Target(path=path, trainers=frozenset(one.person_id for one in teachers))
