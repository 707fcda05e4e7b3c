"""Tables of tests: attempts, their clock on this node, answers, marks, incidents."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Fact, Json, Record, Stays
from app.runs.models import Enrolment


class Attempt(Record, Base):
    """One sitting of a quiz by an enrolled person, with the questions drawn for it."""

    __tablename__ = "attempt"
    __table_args__ = (
        sa.UniqueConstraint("enrolment_id", "quiz", "number"),
        # At most one open attempt of a quiz: fifty parallel starts find the same one.
        sa.Index(
            "uq_attempt_open", "enrolment_id", "quiz", unique=True,
            sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"),
        ),
    )
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    course_version_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_version.id"))
    quiz: Mapped[str] = mapped_column(sa.String(40))  # the quiz's id in the course: pre, post
    kind: Mapped[str] = mapped_column(sa.String(12))  # pre-test | practice | post-test | exam
    number: Mapped[int]  # 1 for the first
    language: Mapped[str] = mapped_column(sa.String(8))
    seed: Mapped[str] = mapped_column(sa.String(32))  # order of options and partners
    draw: Mapped[list[str]]  # question ids in the order shown
    supervised: Mapped[bool]
    seconds: Mapped[int | None] = mapped_column(default=None)  # time limit; None: none
    state: Mapped[str] = mapped_column(sa.String(10), default="open")  # open | handed-in | closed (by the deadline)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    receipt: Mapped[str | None] = mapped_column(sa.String(12), unique=True, default=None)
    score: Mapped[int | None] = mapped_column(default=None)  # millionths of the whole, 0..1_000_000; frozen at hand-in
    seat_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("seat.id"), default=None)
    channel: Mapped[str] = mapped_column(sa.String(10), default="pc")  # pc | paper (keyed in from an answer sheet)
    paper_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("paper_test.id"), default=None)
    enrolment: Mapped[Enrolment] = relationship(init=False, lazy="raise", viewonly=True)


class AttemptClock(Stays, Base):
    """The running side of an open attempt on this node: time used, last heartbeat, and which tab may write."""

    __tablename__ = "attempt_clock"
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"), unique=True)
    boot: Mapped[str] = mapped_column(sa.String(40))  # clock.Uptime.boot while running
    since_ms: Mapped[int] = mapped_column(sa.BigInteger)  # uptime when the present stretch began
    beat_ms: Mapped[int] = mapped_column(sa.BigInteger)  # uptime of the last sign of life
    beat_at: Mapped[datetime]  # wall clock then: all there is to know how long the machine was off
    used_ms: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # of stretches before the present one
    writer: Mapped[str] = mapped_column(sa.String(64))  # hash of the token of the tab that may write
    seen: Mapped[list[str]] = mapped_column(default_factory=list)  # questions opened
    flagged: Mapped[list[str]] = mapped_column(default_factory=list)
    at_question: Mapped[str] = mapped_column(sa.String(40), default="")
    # Invigilation. A paused clock has all its time in used_ms; since_ms is the uptime at which it stopped.
    paused_at: Mapped[datetime | None] = mapped_column(default=None)  # None: it runs
    paused_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)  # None: by an outage
    incident_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("incident.id"), default=None)  # the outage it waits after
    credit_ms: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # time given on top of the limit
    released: Mapped[bool] = mapped_column(default=False)  # the invigilator lets another PC take over, once
    wants_seat_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("seat.id"), default=None)  # the seat that asks to
    wants_at: Mapped[datetime | None] = mapped_column(default=None)  # since when one asks; without a seat: a PC that is none
    unsaved: Mapped[int] = mapped_column(default=0)  # answers that waited in the browser at the last sign of life
    focus_losses: Mapped[int] = mapped_column(default=0)  # times the page was left for something else
    hand_at: Mapped[datetime | None] = mapped_column(default=None)  # a hand is raised since


class Answer(Fact, Base):
    """One stored revision of a response. Only ever added."""

    __tablename__ = "answer"
    __table_args__ = (
        sa.UniqueConstraint("attempt_id", "key"),
        sa.UniqueConstraint("attempt_id", "question", "revision"),
    )
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"))
    question: Mapped[str] = mapped_column(sa.String(40))
    revision: Mapped[int]
    key: Mapped[str] = mapped_column(sa.String(40))  # idempotency key made by the browser
    response: Mapped[dict[str, Any]]
    sure: Mapped[str | None] = mapped_column(sa.String(8), default=None)  # guess | fairly | sure; never marked
    saved_at: Mapped[datetime]


class Mark(Fact, Base):
    """The mark of one answer, frozen at hand-in with the version of the type's rule."""

    __tablename__ = "mark"
    __table_args__ = (sa.UniqueConstraint("attempt_id", "question"),)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"))
    question: Mapped[str] = mapped_column(sa.String(40))
    points: Mapped[int]  # millionths, 0..1_000_000
    answered: Mapped[bool]
    rule: Mapped[str] = mapped_column(sa.String(30))  # "single 1"
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)  # hits, misses, false alarms


class ClockStep(Fact, Base):
    """The wall clock of this node was set while it ran: recorded, and not counted in anybody's time."""

    __tablename__ = "clock_step"
    noticed_at: Mapped[datetime]  # by the new wall clock
    step_ms: Mapped[int] = mapped_column(sa.BigInteger)  # new minus expected


class WallClock(Stays, Base):
    """What the wall clock should read: its offset to the machine's own clock when last looked at."""

    __tablename__ = "wall_clock"
    boot: Mapped[str] = mapped_column(sa.String(40), unique=True)
    offset_ms: Mapped[int] = mapped_column(sa.BigInteger)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)  # a person said that this date is right
    confirmed_offset_ms: Mapped[int | None] = mapped_column(sa.BigInteger, default=None)  # the offset then: a step since ends it


class RoomTest(Record, Base):
    """A supervised test started for the room by the invigilator: from then on, until it is ended, it may be begun."""

    __tablename__ = "room_test"
    __table_args__ = (sa.Index("ix_room_test_run_id_quiz", "run_id", "quiz"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    quiz: Mapped[str] = mapped_column(sa.String(40))
    wave: Mapped[int] = mapped_column(default=0)  # 0: for everybody
    started_at: Mapped[datetime]
    started_by: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)


class Incident(Record, Base):
    """Something that stopped a room: a power cut, a server that was off. Open until the invigilator resumes."""

    __tablename__ = "incident"
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(12))  # outage
    from_at: Mapped[datetime]  # the last sign of life before it
    noticed_at: Mapped[datetime]  # the server ran again
    to_at: Mapped[datetime | None] = mapped_column(default=None)  # the room went on
    decided_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    present: Mapped[list[Any]] = mapped_column(default_factory=list)  # enrolments whose test was running
    note: Mapped[str] = mapped_column(default="")


class AttemptEvent(Fact, Base):
    """What an invigilator, or the program after an outage, did to an attempt: when, who, why."""

    __tablename__ = "attempt_event"
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"), index=True)
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))  # None: the program
    what: Mapped[str] = mapped_column(sa.String(12))  # pause | resume | credit | outage | release | move | hand-in
    reason: Mapped[str] = mapped_column(default="")
    ms: Mapped[int | None] = mapped_column(sa.BigInteger, default=None)  # time credited or not counted
    incident_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("incident.id"), default=None)
    detail: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # seats moved from and to


class GrantedAttempt(Fact, Base):
    """One more attempt at a test for somebody, on the trainer's word."""

    __tablename__ = "granted_attempt"
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"), index=True)
    quiz: Mapped[str] = mapped_column(sa.String(40))
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]
    reason: Mapped[str]


class MarkCorrection(Fact, Base):
    """A mark given anew: a key that was wrong, a trainer's second look. The newest number holds; the old ones stay."""

    __tablename__ = "mark_correction"
    __table_args__ = (sa.UniqueConstraint("attempt_id", "question", "number"),)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"))
    question: Mapped[str] = mapped_column(sa.String(40))
    number: Mapped[int]
    points: Mapped[int]  # millionths
    rule: Mapped[str] = mapped_column(sa.String(30))
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]
    reason: Mapped[str]
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)


class PaperTest(Record, Base):
    """A test printed for a run in one variant: what was drawn, and the code on its sheets."""

    __tablename__ = "paper_test"
    __table_args__ = (sa.UniqueConstraint("run_id", "quiz", "variant"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    quiz: Mapped[str] = mapped_column(sa.String(40))
    variant: Mapped[str] = mapped_column(sa.String(1))  # A-D
    code: Mapped[str] = mapped_column(sa.String(12), unique=True)  # "P-7K3Q-A": on every sheet, in words and as QR
    course_version_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_version.id"))
    seed: Mapped[str] = mapped_column(sa.String(32))
    draw: Mapped[list[str]]
    made_at: Mapped[datetime]
    made_by: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))


class SheetEntry(Fact, Base):
    """An answer sheet as somebody keyed it in; a second, independent entry shows typing errors."""

    __tablename__ = "sheet_entry"
    __table_args__ = (sa.UniqueConstraint("paper_id", "enrolment_id", "entry", "revision"),)
    paper_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("paper_test.id"))
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    entry: Mapped[int]  # 1 | 2: the two keyings; 3: the differences settled from the paper
    revision: Mapped[int]
    responses: Mapped[dict[str, Any]]  # question -> response
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]


class PracticalWork(Fact, Base):
    """What a trainee handed in for a practical; the newest number holds."""

    __tablename__ = "practical_work"
    __table_args__ = (sa.UniqueConstraint("enrolment_id", "practical", "number"),)
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    practical: Mapped[str] = mapped_column(sa.String(40))
    number: Mapped[int]
    values: Mapped[dict[str, Any]]  # value id -> as typed
    file_sha256: Mapped[str | None] = mapped_column(sa.String(64), default=None)
    file_name: Mapped[str] = mapped_column(default="")
    channel: Mapped[str] = mapped_column(sa.String(10))  # pc | paper
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]


class PracticalMark(Fact, Base):
    """A rater's checklist of a practical; the newest number of a rater's place holds."""

    __tablename__ = "practical_mark"
    __table_args__ = (sa.UniqueConstraint("enrolment_id", "practical", "place", "number"),)
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    practical: Mapped[str] = mapped_column(sa.String(40))
    place: Mapped[int]  # 1, 2: the raters; 3: what they settled on
    number: Mapped[int]
    items: Mapped[dict[str, Any]]  # checklist item -> done | not-done
    note: Mapped[str] = mapped_column(default="")
    channel: Mapped[str] = mapped_column(sa.String(10))  # pc | paper
    rater_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))  # who keyed it in
    at: Mapped[datetime]
