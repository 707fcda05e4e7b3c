"""Which meeting a page is about, and what pages of meetings say about one: its lines, its time, who is planned."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import babel.dates
import sqlalchemy as sa
from flask import g
from sqlalchemy.orm import Session

from app import i18n
from app.courses.content import CourseContent
from app.errors import NotFound
from app.http import actor, can
from app.i18n import pick, t
from app.notices import wording
from app.people.models import Person
from app.policy import Target, scope
from app.runs import queries as runs
from app.runs.models import CourseRun
from app.runs.queries import Teacher
from app.runs.views.sight import covering, places_of, seen_by, the_run
from app.schedule import places, queries, rules
from app.schedule.models import Meeting, MeetingItem, TrainingSession


def held_by(action: str) -> Callable[[Session, str], tuple[CourseRun, Target]]:
    """A run, for what is done by those who hold it: its office, the office of its classroom, its trainers."""

    def find(db: Session, code: str) -> tuple[CourseRun, Target]:
        run = the_run(db, code)
        return run, target_of(db, run, action)

    return find


def target_of(db: Session, run: CourseRun, action: str) -> Target:
    """What an action of those who hold a run is about."""
    return Target(
        path=covering(scope(actor(), action), places_of(run)) or run.office.path,
        trainers=frozenset(one.person_id for one in runs.trainers_of(db, [run.id]).get(run.id, ())),
    )


def may(run: CourseRun, action: str) -> bool:
    """Whether who asks may do this with a run that is not over: for buttons."""
    return run.state in ("planned", "open") and can(action, target_of(g.db, run, action))


Found = tuple[CourseRun, Meeting]


def meeting_by(action: str) -> Callable[[Session, str, uuid.UUID], tuple[Found, Target]]:
    """A meeting of a run, for what those do who hold the run; for reading also who else sees it."""
    find_run = seen_by(action) if action == "run.read" else held_by(action)

    def find(db: Session, code: str, meeting_id: uuid.UUID) -> tuple[Found, Target]:
        run, target = find_run(db, code)
        return (run, the_meeting(db, run, meeting_id)), target

    return find


def the_meeting(db: Session, run: CourseRun, meeting_id: uuid.UUID) -> Meeting:
    """A meeting of a run. Raises NotFound, also for one that is only drafted."""
    meeting = db.get(Meeting, meeting_id)
    if meeting is None or meeting.run_id != run.id or meeting.state == "draft":
        raise NotFound()
    return meeting


# ---- what pages say --------------------------------------------------------------------------------------------------


def weekday(value: date) -> str:
    """"Tue 24 Nov": a day of a timetable, where the year is known."""
    if i18n.language() == "prs":
        return i18n.day(value)
    return babel.dates.format_skeleton("MMMEd", datetime.combine(value, datetime.min.time()), locale=i18n.locale())


def hours(minutes: int) -> str:
    """"5 h 20 min"."""
    whole, rest = divmod(minutes, 60)
    if not rest:
        return t("hours", "{h} h", h=whole)
    return t("hours", "{h} h {m} min", h=whole, m=rest) if whole else t("hours", "{m} min", m=rest)


def zone_of(meeting: Meeting) -> ZoneInfo:
    """The zone by whose clock a meeting is held."""
    return ZoneInfo(meeting.zone)


def when(meeting: Meeting) -> str:
    """"09:00–13:00" where the meeting is held."""
    span = queries.span_of(meeting)
    return f"{rules.hour_of(span.starts)}–{rules.hour_of(span.ends)}"


def where(run: CourseRun, meetings: Sequence[Meeting]) -> dict[uuid.UUID, str]:
    """Where meetings are, by meeting; "" for one that is where its run is. Two queries at most."""
    ids = {one.session_id for one in meetings if one.session_id}
    sessions = {one.id: one for one in g.db.scalars(sa.select(TrainingSession).where(TrainingSession.id.in_(ids)))} if ids else {}
    of = {one.id: sessions.get(one.session_id) if one.session_id else None for one in meetings}
    spots = {one.id: places.spot(one, of[one.id] or run) for one in meetings}
    rooms = places.called(g.db, {room for room, _ in spots.values() if room != run.classroom_id})
    if run.classroom:
        rooms[run.classroom.id] = f"{pick(run.classroom.office.names)}, {pick(run.classroom.names)}"
    found = {}
    for id, (room, place) in spots.items():
        mode = session.mode if (session := of[id]) else "classroom"
        usual = mode == "classroom" and (room, place) == (run.classroom_id, run.place)
        found[id] = "" if usual else str(wording.shown(places.in_words(mode, rooms.get(room) if room else None, place)))
    return found


@dataclass(frozen=True)
class ShownLine:
    """A line of a timetable in the language of the page."""

    text: str
    kind: str
    minutes: int
    starts: str  # "09:15"; "" before there is a meeting
    who: str
    item: MeetingItem | None = None


def title_of_line(content: CourseContent, kind: str, ref: str | None, text: str = "") -> str:
    """What a line is about: the title of a lesson, test or practical, or the word for its kind."""
    wanted = i18n.language()
    if kind == "lesson" and ref and (lesson := content.lesson(ref)):
        return lesson.texts[content.language_of(lesson.texts, wanted)].title
    if kind == "quiz" and ref and (quiz := content.quiz(ref)):
        return content.say(quiz.title, wanted)
    if kind == "practical" and ref and (practical := content.practical(ref)):
        return content.say(practical.title, wanted)
    return text or i18n.say(rules.KINDS[kind]) + (f" ({ref})" if ref else "")


def shown_lines(
    content: CourseContent, starts: int, items: Sequence[MeetingItem], teachers: Sequence[Teacher], names: dict[uuid.UUID, str]
) -> list[ShownLine]:
    """The lines of a meeting with the time at which each begins."""
    made, at = [], starts
    for item in items:
        made.append(
            ShownLine(
                title_of_line(content, item.kind, item.ref, item.text), item.kind, item.minutes, rules.hour_of(at % 1440),
                who_of(item.who, item.teacher_id, teachers, names), item,
            )
        )
        at += item.minutes
    return made


def who_of(who: str | None, teacher_id: uuid.UUID | None, teachers: Sequence[Teacher], names: dict[uuid.UUID, str]) -> str:
    """Who gives a line: the name where it is known, else the part."""
    if teacher_id is not None:
        return names.get(teacher_id, "")
    named = next((one.name for one in teachers if one.part == who), "")
    return named or (i18n.say(rules.WHO[who]) if who else "")


def planned_teachers(items: Sequence[MeetingItem], teachers: Sequence[Teacher], *, in_session: bool = False) -> list[uuid.UUID]:
    """Who is planned to teach a meeting: everybody in a slot of its session; else those its lines name; else the lead trainer of the run."""
    if in_session and teachers:
        return list(dict.fromkeys(one.person_id for one in teachers))
    found = [
        person
        for item in items if item.kind != "break"
        for person in ([item.teacher_id] if item.teacher_id else [one.person_id for one in teachers if one.part == item.who])
    ]
    return list(dict.fromkeys(found or [one.person_id for one in teachers if one.part == "lead"]))


@dataclass(frozen=True)
class Row:
    """A meeting as lists show it."""

    meeting: Meeting
    number: int | None  # among those that are not cancelled
    when: str
    where: str
    minutes: int
    lines: list[ShownLine]
    counts: dict[rules.Status, int]
    people: int
    begun: bool
    taught: list[queries.Teaching]

    @property
    def unset(self) -> int:
        """Of how many people nothing is noted."""
        return max(0, self.people - sum(self.counts.values()))

    @property
    def here(self) -> int:
        """How many came, were it late or not to the end."""
        return sum(self.counts.get(one, 0) for one in (rules.Status.PRESENT, rules.Status.LATE, rules.Status.LEFT_EARLY))


def rows_of(run: CourseRun, content: CourseContent, now: datetime, *, teachers: Sequence[Teacher], people: int) -> list[Row]:
    """All meetings of a run for a list, in a fixed number of queries."""
    meetings = queries.meetings_of(g.db, run.id)
    ids = [one.id for one in meetings]
    items, counts, taught = queries.items_of(g.db, ids), queries.counts_of(g.db, ids), queries.taught_at(g.db, ids)
    in_sessions = {one.session_id for one in meetings if one.session_id}
    seated = queries.counts_expected(g.db, in_sessions) if in_sessions else {}
    wheres = where(run, meetings)
    names = names_of([item.teacher_id for lines in items.values() for item in lines if item.teacher_id])
    made, number = [], 0
    for meeting in meetings:
        number += meeting.state != "cancelled"
        made.append(
            Row(
                meeting, number if meeting.state != "cancelled" else None, when(meeting), wheres[meeting.id], queries.minutes_of(meeting),
                shown_lines(content, queries.span_of(meeting).starts, items.get(meeting.id, []), teachers, names), counts.get(meeting.id, {}),
                seated.get(meeting.session_id, 0) if meeting.session_id else people, meeting.starts_at <= now, taught.get(meeting.id, []),
            )
        )
    return made


def lines_of_today(run: CourseRun, now: datetime) -> list[MeetingItem]:
    """The lines of the meetings of today, by the clock of the run's office."""
    today = now.astimezone(ZoneInfo(run.zone)).date()
    ids = [one.id for one in queries.meetings_of(g.db, run.id) if one.day == today and one.state != "cancelled"]
    found = queries.items_of(g.db, ids)
    return [item for id in ids for item in found.get(id, [])]


def names_of(person_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Short names of people."""
    if not person_ids:
        return {}
    return dict(g.db.execute(sa.select(Person.id, Person.short_name).where(Person.id.in_(set(person_ids)))).all())


def holiday_name(skipped: rules.Skipped) -> str:
    """Why a day has no meetings."""
    return pick(skipped.holiday) if skipped.holiday else t("timetable", "weekend")
