"""What the constraints ask about: a slot with its meetings, a trainer with his bookings, and the ways between places. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Place:
    """An office as far as travelling goes, known by its path."""

    path: str
    names: Mapping[str, str]
    country: str = ""  # code; empty above all countries
    country_names: Mapping[str, str] = field(default_factory=dict)
    department: str = ""  # path of the department it belongs to; empty: it stands alone
    clearance: str = ""  # what somebody from elsewhere needs to be let in; empty: nothing


@dataclass(frozen=True, slots=True)
class Way:
    """From one place to another: days one way, cost both ways in whole units of the pool's currency."""

    days: int
    cost: int


@dataclass(frozen=True, slots=True)
class Span:
    """One meeting: two instants, half open. `day` is the local day it starts on, `last` the one it ends on."""

    starts: datetime
    ends: datetime
    day: date
    last: date
    zone: str
    place: Place | None = None  # None: nobody travels


@dataclass(frozen=True, slots=True)
class Busy:
    """A booking of a trainer."""

    span: Span
    code: str  # of the session, or of the run where its own timetable books him
    path: str = ""  # of the office that gives the run: decides who may see the code
    role: str = "lead"


@dataclass(frozen=True, slots=True)
class Away:
    """When somebody cannot come: kind leave | sick | shift | deployment | unavailable."""

    kind: str
    starts: datetime
    ends: datetime
    first: date  # in the zone it was said for
    last: date


@dataclass(frozen=True, slots=True)
class Accredited:
    """An accreditation in the course of the slot: level lead | co | assistant, `valid_to` its last day."""

    level: str
    valid_from: date
    valid_to: date | None = None
    withdrawn_on: date | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A release letter of the home agency."""

    valid_from: date
    valid_to: date
    asked_on: date
    given_on: date | None = None
    refused_on: date | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to enter a country (visa) or a site."""

    kind: str
    country: str  # code, of a visa
    office: str  # path, of a site
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Somebody to teach with or not: kind mentor (the other is his) | forbidden | required."""

    kind: str
    other_id: uuid.UUID  # trainer
    name: str


@dataclass(frozen=True, slots=True)
class Colleague:
    """Who is in another slot of the session already."""

    trainer_id: uuid.UUID | None
    person_id: uuid.UUID
    role: str
    home: Place | None = None
    sex: str = ""  # f | m | "": not stated


@dataclass(frozen=True, slots=True)
class Work:
    """Teaching days of one piece of work (a session, or a run's own timetable) that count as load."""

    session_id: uuid.UUID | None  # where it is one of those that somebody is looked for
    days: frozenset[str]  # ISO dates: compared as text, since there are many
    place: Place | None = None


@dataclass(frozen=True)
class SlotFacts:
    """A slot that somebody is looked for: what it asks."""

    slot_id: uuid.UUID
    session_id: uuid.UUID
    run_id: uuid.UUID
    code: str
    role: str  # lead | co | assistant | interpreter | remote | assessor
    mode: str  # classroom | online | hybrid
    course_id: uuid.UUID
    course: Mapping[str, str]
    language: str
    language_level: str
    spans: tuple[Span, ...]  # by time; not empty
    path: str  # of the office that gives the run
    place: Place  # of the office that gives the run
    today: date
    interprets: str = ""  # the other language of an interpreter
    budget: int | None = None
    company: tuple[Colleague, ...] = ()
    trainees: Mapping[str, int] = field(default_factory=dict)  # path of an office -> how many of it have a seat
    searches: bool = False  # searching persons is practised
    sexes: frozenset[str] = frozenset()  # f | m, of those who have a seat and stated it
    in_room_open: int = 0  # other slots for somebody who teaches in the room that are empty
    ways: Mapping[tuple[str, str], Way] = field(default_factory=dict)  # paths, where the default by distance is wrong
    visas: Mapping[tuple[str, str], int] = field(default_factory=dict)  # from, to country -> days to get a visa; 0: none needed
    median_90: Fraction = Fraction(0)  # of the pool's teaching days in 90 days, each weighed by his share
    mean_mark: Fraction = Fraction(4)  # of all evaluations of the course

    @property
    def first(self) -> date:
        """The local day of its first meeting."""
        return self.spans[0].day

    @cached_property
    def last(self) -> date:
        """The last local day of its meetings."""
        return max(one.last for one in self.spans)

    @cached_property
    def until(self) -> datetime:
        """When its last meeting ends."""
        return max(one.ends for one in self.spans)

    @cached_property
    def days(self) -> frozenset[date]:
        """The local days on which its meetings begin."""
        return frozenset(one.day for one in self.spans)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where somebody in this slot has to go, each place once; empty: nowhere."""
        return tuple({one.place.path: one.place for one in self.spans if one.place is not None}.values())

    @property
    def where(self) -> Place | None:
        """The first of its places; None: nowhere to go."""
        return self.places[0] if self.places else None


@dataclass(frozen=True)
class TrainerFacts:
    """Somebody of the pool as the constraints see him."""

    trainer_id: uuid.UUID
    person_id: uuid.UUID
    name: str
    sort_key: str
    country: str  # code
    home: Place
    reach: str = "national"
    travels: str = "country"
    share: int = 100
    days_a_month: int | None = None
    days_a_quarter: int | None = None
    needs_release: bool = False
    passport_to: date | None = None
    connection_tested_on: date | None = None
    prefers: str = ""
    prefers_to: date | None = None
    sex: str = ""  # f | m | "": not stated
    accreditations: tuple[Accredited, ...] = ()
    languages: Mapping[str, str] = field(default_factory=dict)
    busy: tuple[Busy, ...] = ()
    away: tuple[Away, ...] = ()
    holidays: Mapping[date, Mapping[str, str]] = field(default_factory=dict)  # of his duty station's country
    permits: tuple[Permit, ...] = ()
    letters: tuple[Letter, ...] = ()
    pairs: tuple[Pair, ...] = ()
    work: tuple[Work, ...] = ()  # all that counts as load, without this session
    days_90: int = 0
    taught: int = 0  # runs of the course in the last months
    same_run: bool = False  # gave another part of the same run
    marks: int = 0  # sum of evaluations of the course, 1..5 each
    marked: int = 0  # how many
    busy_only: bool = False  # his country shows others busy and free, no more
