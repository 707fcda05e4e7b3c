"""The catalogue of tables: who may own the rows of each, and whether and how they travel between nodes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import sqlalchemy as sa

from app.calendars import models as calendars
from app.certificates import models as certificates
from app.courses import models as courses
from app.db import Base
from app.feedback import models as feedback
from app.notices import models as notices
from app.offices import models as offices
from app.online import models as online
from app.ops import models as ops
from app.people import models as people
from app.planning import models as planning
from app.progress import models as progress
from app.quizzes import models as quizzes
from app.runs import models as runs
from app.schedule import models as schedule
from app.sync import models as sync
from app.trainers import models as trainers


class Owners(Enum):
    """Which nodes may own rows of a table. A row names its owner; nobody else writes it."""

    CENTRE = "the centre"
    HANDED = "the centre, or the class server that it was handed to; a class server adds none"
    CLASS = "the class server where it happened"
    EITHER = "the centre or a class server"
    NODE = "this node; the row never leaves it"


class Kind(Enum):
    """How a table's rows change, and so how they travel."""

    RECORD = "changes; each change is one journal entry"
    FACT = "only ever added; the row is its own journal payload"
    STAYS = "does not travel"


@dataclass(frozen=True)
class Table:
    """One row of the catalogue."""

    model: type[Base]
    owners: Owners
    kind: Kind

    @property
    def name(self) -> str:
        """The table's name in the database and in the journal."""
        return str(self.model.__table__.name)  # type: ignore[attr-defined]


TABLES = (
    Table(offices.Country, Owners.CENTRE, Kind.RECORD),
    Table(offices.Holiday, Owners.CENTRE, Kind.RECORD),
    Table(offices.Closure, Owners.CENTRE, Kind.RECORD),
    Table(offices.Agency, Owners.CENTRE, Kind.RECORD),
    Table(offices.Office, Owners.CENTRE, Kind.RECORD),
    Table(offices.Classroom, Owners.EITHER, Kind.RECORD),  # the class manager keeps the record of his room
    Table(offices.Seat, Owners.EITHER, Kind.RECORD),  # a class manager marks a PC as broken
    Table(offices.SeatEnrolment, Owners.NODE, Kind.STAYS),
    Table(offices.Equipment, Owners.EITHER, Kind.RECORD),  # the class where it stands, or the centre that handed it out
    Table(offices.DailyCheck, Owners.CLASS, Kind.FACT),
    Table(people.Person, Owners.EITHER, Kind.RECORD),  # a walk-in is the class's until the centre takes it over
    Table(people.PersonName, Owners.EITHER, Kind.RECORD),
    Table(people.Posting, Owners.EITHER, Kind.RECORD),
    Table(people.RoleGrant, Owners.CENTRE, Kind.RECORD),
    Table(people.Account, Owners.NODE, Kind.STAYS),  # credentials never travel in the journal
    Table(people.Pin, Owners.NODE, Kind.STAYS),
    Table(people.SignIn, Owners.NODE, Kind.STAYS),
    Table(people.Throttle, Owners.NODE, Kind.STAYS),
    Table(people.Preference, Owners.NODE, Kind.STAYS),  # each class asks anew; two nodes would overwrite each other
    Table(courses.Course, Owners.CENTRE, Kind.RECORD),
    Table(courses.CourseVersion, Owners.CENTRE, Kind.RECORD),
    Table(courses.Media, Owners.CENTRE, Kind.RECORD),
    Table(runs.CourseRun, Owners.HANDED, Kind.RECORD),
    Table(runs.RunTrainer, Owners.HANDED, Kind.RECORD),
    Table(runs.Nomination, Owners.CENTRE, Kind.RECORD),
    Table(runs.Enrolment, Owners.EITHER, Kind.RECORD),
    Table(runs.RunReport, Owners.EITHER, Kind.RECORD),
    Table(schedule.TrainingSession, Owners.CENTRE, Kind.RECORD),
    Table(schedule.SessionSlot, Owners.CENTRE, Kind.RECORD),
    Table(schedule.Assignment, Owners.CENTRE, Kind.RECORD),
    Table(schedule.AssignmentEvent, Owners.CENTRE, Kind.FACT),
    Table(schedule.SessionSeat, Owners.CENTRE, Kind.RECORD),
    Table(schedule.AgencyQuota, Owners.CENTRE, Kind.RECORD),
    Table(schedule.RoomBlocking, Owners.CENTRE, Kind.RECORD),
    Table(schedule.Booking, Owners.NODE, Kind.STAYS),  # made anew from what is planned; it only guards
    Table(schedule.Presence, Owners.EITHER, Kind.FACT),
    Table(schedule.Meeting, Owners.EITHER, Kind.RECORD),  # planned at the centre; a class server plans its own
    Table(schedule.MeetingItem, Owners.EITHER, Kind.RECORD),
    Table(schedule.Taught, Owners.EITHER, Kind.FACT),
    Table(schedule.AttendanceMark, Owners.EITHER, Kind.FACT),  # the class; an excuse in advance comes from the office
    Table(schedule.ClassDay, Owners.CLASS, Kind.RECORD),
    Table(schedule.MinutesLine, Owners.CLASS, Kind.FACT),
    Table(schedule.Seating, Owners.CLASS, Kind.RECORD),
    Table(schedule.TeachScreen, Owners.NODE, Kind.STAYS),
    Table(trainers.Trainer, Owners.CENTRE, Kind.RECORD),
    Table(trainers.TrainerStep, Owners.CENTRE, Kind.FACT),
    Table(trainers.Accreditation, Owners.CENTRE, Kind.RECORD),
    Table(trainers.TrainerLanguage, Owners.CENTRE, Kind.RECORD),
    Table(trainers.Absence, Owners.CENTRE, Kind.RECORD),
    Table(trainers.EntryPermit, Owners.CENTRE, Kind.RECORD),
    Table(trainers.EntryRule, Owners.CENTRE, Kind.RECORD),
    Table(trainers.TravelTime, Owners.CENTRE, Kind.RECORD),
    Table(trainers.HomeRelease, Owners.CENTRE, Kind.RECORD),
    Table(trainers.Pairing, Owners.CENTRE, Kind.RECORD),
    Table(online.OnlineRoom, Owners.NODE, Kind.STAYS),
    Table(planning.ConstraintSetting, Owners.CENTRE, Kind.RECORD),
    Table(planning.Told, Owners.NODE, Kind.STAYS),
    Table(notices.Notice, Owners.EITHER, Kind.FACT),
    Table(notices.NoticeSeen, Owners.NODE, Kind.STAYS),
    Table(notices.Mail, Owners.NODE, Kind.STAYS),
    Table(notices.Reminded, Owners.NODE, Kind.STAYS),
    Table(calendars.CalendarAddress, Owners.NODE, Kind.STAYS),
    Table(quizzes.Attempt, Owners.EITHER, Kind.RECORD),
    Table(quizzes.AttemptClock, Owners.NODE, Kind.STAYS),
    Table(quizzes.Answer, Owners.EITHER, Kind.FACT),
    Table(quizzes.Mark, Owners.EITHER, Kind.FACT),
    Table(quizzes.MarkCorrection, Owners.EITHER, Kind.FACT),
    Table(quizzes.RoomTest, Owners.CLASS, Kind.RECORD),
    Table(quizzes.Incident, Owners.CLASS, Kind.RECORD),
    Table(quizzes.AttemptEvent, Owners.EITHER, Kind.FACT),
    Table(quizzes.GrantedAttempt, Owners.EITHER, Kind.FACT),
    Table(quizzes.PaperTest, Owners.EITHER, Kind.RECORD),
    Table(quizzes.SheetEntry, Owners.EITHER, Kind.FACT),
    Table(quizzes.PracticalWork, Owners.EITHER, Kind.FACT),
    Table(quizzes.PracticalMark, Owners.EITHER, Kind.FACT),
    Table(quizzes.ClockStep, Owners.EITHER, Kind.FACT),
    Table(quizzes.WallClock, Owners.NODE, Kind.STAYS),
    Table(progress.LessonProgress, Owners.EITHER, Kind.RECORD),
    Table(progress.PageNote, Owners.EITHER, Kind.RECORD),
    Table(feedback.FeedbackSheet, Owners.EITHER, Kind.FACT),
    Table(feedback.FeedbackGiven, Owners.NODE, Kind.STAYS),
    Table(certificates.NumberBlock, Owners.CENTRE, Kind.RECORD),
    Table(certificates.SigningKey, Owners.EITHER, Kind.RECORD),
    Table(certificates.Signatory, Owners.CENTRE, Kind.RECORD),
    Table(certificates.Certificate, Owners.EITHER, Kind.RECORD),  # issued where the block of numbers is
    Table(certificates.CertificateEvent, Owners.EITHER, Kind.FACT),
    Table(certificates.Paper, Owners.NODE, Kind.STAYS),
    Table(ops.JobRun, Owners.NODE, Kind.STAYS),
    Table(ops.Heartbeat, Owners.NODE, Kind.STAYS),
    Table(ops.BackgroundJob, Owners.NODE, Kind.STAYS),
    Table(sync.JournalEntry, Owners.NODE, Kind.STAYS),  # travels inside sealed segments, never as a row
    Table(sync.AuditEvent, Owners.EITHER, Kind.FACT),
    Table(sync.Node, Owners.CENTRE, Kind.RECORD),
    Table(sync.JoinCode, Owners.NODE, Kind.STAYS),
    Table(sync.JoinRequest, Owners.NODE, Kind.STAYS),
    Table(sync.Epoch, Owners.NODE, Kind.STAYS),
    Table(sync.StoredSegment, Owners.NODE, Kind.STAYS),
    Table(sync.HeldEntry, Owners.NODE, Kind.STAYS),
    Table(sync.StoredReceipt, Owners.NODE, Kind.STAYS),
    Table(sync.Exchange, Owners.NODE, Kind.STAYS),
    Table(sync.DownRow, Owners.NODE, Kind.STAYS),
    Table(sync.HandOver, Owners.CENTRE, Kind.FACT),
    Table(sync.SegmentRelease, Owners.CENTRE, Kind.FACT),
    Table(sync.PersonMerge, Owners.CENTRE, Kind.RECORD),
    Table(sync.MergedReference, Owners.NODE, Kind.STAYS),
    Table(sync.Erasure, Owners.CENTRE, Kind.FACT),
)


BY_NAME = {table.name: table for table in TABLES}

for _table in TABLES:
    if _table.kind is Kind.FACT:  # the sealer asks every minute for what is not sealed yet, among all that ever happened
        _columns = Base.metadata.tables[_table.name].c
        _open = _columns.segment.is_(None)
        sa.Index(f"ix_{_table.name}_unsealed", _columns.id, postgresql_where=_open, sqlite_where=_open)
