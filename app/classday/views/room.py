"""The board and the room as the page shows them: one row a person in class, one cell a seat, shapes and words for states."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import g

from app import clock
from app.classday.queries import Day, Here
from app.classday.views.now import Running, zone_time
from app.errors import Message, say
from app.http import me
from app.i18n import nt, t, time_of_day
from app.quizzes import board as boards
from app.quizzes.board import State

DEEDS: dict[str, Message] = {
    "pause": say("deed", "Pause…"),
    "resume": say("deed", "Resume"),
    "credit": say("deed", "Credit…"),
    "move": say("deed", "Move…"),
    "release": say("deed", "Release"),
    "lower": say("deed", "Hand seen"),
    "hand-in": say("deed", "Hand in…"),
}
"""What an invigilator does to chosen tests; three dots: it asks first."""


@dataclass(frozen=True)
class Row:
    """A row of the board."""

    enrolment_id: uuid.UUID
    seat: str
    name: str
    shape: str  # class of the sign: st-prog, st-flag …
    state: str  # in words
    word: str  # the same for the room plan: one word
    tone: str = ""  # call: asks for you; stop: something is broken; off: not here
    place: int = 0  # at which question
    of: int = 0
    answered: int = 0
    saved: str = ""
    left: str = ""
    came: str = ""
    note: str = ""  # what else is to be known
    attempt_id: uuid.UUID | None = None  # of a test that is open
    alive: bool = False
    cut: bool = False  # paused by an outage
    hand: bool = False
    releasable: bool = False  # waits at another PC, or his own is silent
    walk_in: bool = False


@dataclass(frozen=True)
class Cell:
    """A seat of the room plan."""

    seat_id: uuid.UUID
    label: str
    shape: str
    word: str
    tone: str
    who: str


@dataclass(frozen=True)
class Board:
    """What the page shows of the room."""

    rows: Sequence[Row]
    cells: Sequence[Cell]
    test: bool  # rows show questions and time
    works: int  # seats that work
    as_of: str
    running: Running | None = None
    cut: str = ""  # what the banner says of an outage
    quiz: str = ""

    @property
    def deeds(self) -> list[tuple[str, Message]]:
        """What may be done to who is chosen; only what fits somebody now."""
        if not self.test:
            return [("move", DEEDS["move"])] if self.cells and self.rows else []
        shapes = {row.shape for row in self.rows if row.attempt_id}
        fits = {"resume": "st-pause" in shapes or "st-silent" in shapes, "release": any(row.releasable for row in self.rows), "lower": any(row.hand for row in self.rows)}
        return [(deed, label) for deed, label in DEEDS.items() if fits.get(deed, True)]

    def open_of(self, chosen: Sequence[uuid.UUID]) -> list[Row]:
        """The rows with an open test among those chosen; all of them when nobody is chosen."""
        return [row for row in self.rows if row.attempt_id and (not chosen or row.enrolment_id in chosen)]


def board_of(day: Day) -> Board:
    """The room now. Without a test: who is signed in where."""
    now = clock.now()
    works = sum(seat.state == "works" for seat in day.seats)
    as_of = time_of_day(now, day.run.zone, seconds=True)
    if not day.on_board:
        rows = sorted((_at_rest(day, one) for one in day.people), key=lambda row: (not row.seat, len(row.seat), row.seat))
        return Board(rows, _cells(day, rows), False, works, as_of)
    found = boards.board(g.db, day.run, day.on_board, now=now, uptime=clock.uptime())
    walked_in = {one.enrolment_id for one in day.people if one.walk_in}
    rows = [_of_test(day, one, now, walked_in) for one in found.rows]
    rows.sort(key=lambda row: (not row.seat, len(row.seat), row.seat, row.attempt_id is None))
    running = _running(day, found, now)
    return Board(rows, _cells(day, rows), True, works, as_of, running, _cut(day, running), day.on_board)


# ---- rows ------------------------------------------------------------------------------------------------------------


def _at_rest(day: Day, one: Here) -> Row:
    """Somebody while no test runs: at which seat he is signed in, or that he is not here."""
    planned, at = day.seat(one.seat_id), day.seat(one.at_seat)
    if one.signed_in:
        shape, state, word, tone = "st-prog", t("board", "signed in"), t("board", "in"), ""
        if at and planned and at.id != planned.id:
            shape, state, tone = "st-note", t("board", "signed in, own seat is {seat}", seat=planned.label), "call"
    elif one.came_at is not None:
        shape, state, word, tone = "st-none", t("board", "signed out"), t("board", "out"), "off"
    else:
        shape, state, word, tone = "st-none", t("board", "not signed in"), t("board", "expected"), "off"
    seat = (at or planned) if one.signed_in else planned
    return Row(
        one.enrolment_id, seat.label if seat else "", one.name, shape, state, word, tone,
        came=zone_time(day, one.came_at) if one.came_at else "", walk_in=one.walk_in,
    )


def _of_test(day: Day, one: boards.Row, now: datetime, walked_in: set[uuid.UUID]) -> Row:
    shape, state, word, tone = _state(day, one, now)
    cut = day.incident is not None
    notes = []
    if one.credit_ms and one.state is not State.WORKING and one.open:
        notes.append(nt("board", "+{n} min", "+{n} min", round(one.credit_ms / 60_000)))
    if one.left_page and one.state is not State.WORKING and one.open:
        notes.append(nt("board", "left page {n} time", "left page {n} times", one.left_page))
    if one.hand_at and one.state is not State.HAND and one.open:
        notes.append(t("board", "hand up"))
    if one.unsaved and one.state not in (State.NOT_SAVING, State.OUTAGE) and one.open:
        notes.append(nt("board", "{n} answer unsaved", "{n} answers unsaved", one.unsaved))
    if one.released and one.open:
        notes.append(t("board", "released"))
    saved = ""
    if one.open and one.saved_at is not None:
        saved = time_of_day(one.saved_at, day.run.zone, seconds=True) if cut else ago(one.saved_ms or 0)
    return Row(
        one.enrolment_id, one.seat, one.name, shape, state, word, tone, place=one.question if one.open else one.count, of=one.count,
        answered=one.answered, saved=saved, left=_left(one), note=", ".join(notes), attempt_id=one.attempt_id if one.open else None,
        alive=one.alive, cut=one.open and one.incident_id is not None, hand=one.open and one.hand_at is not None,
        releasable=one.open and not one.released and (one.state in (State.ASKS, State.SILENT) or (one.state is State.OUTAGE and not one.alive)),
        walk_in=one.enrolment_id in walked_in,
    )


def _left(one: boards.Row) -> str:
    if not one.open or one.left_ms is None:
        return ""
    return nt("board", "{n} min", "{n} min", max(0, -(-one.left_ms // 60_000)))


def ago(ms: int) -> str:
    """How long ago, as short as can be read at a glance."""
    seconds = ms // 1000
    if seconds < 60:
        return nt("board", "{n} s", "{n} s", seconds)
    return nt("board", "{n} min", "{n} min", seconds // 60) if seconds < 3600 else nt("board", "{n} h", "{n} h", seconds // 3600)


def _state(day: Day, one: boards.Row, now: datetime) -> tuple[str, str, str, str]:
    """Shape, words, one word, tone."""
    match one.state:
        case State.HANDED_IN:
            return "st-done", t("board", "handed in {time}", time=zone_time(day, one.ended_at)), t("board", "done"), ""
        case State.CLOSED:
            return "st-closed", t("board", "closed {time}", time=zone_time(day, one.ended_at)), t("board", "closed"), ""
        case State.ASKS:
            seat = t("board", "asks to go on at seat {seat}", seat=one.asks_seat) if one.asks_seat else t("board", "asks to go on at another PC")
            return "st-flag", seat, t("board", "asks"), "call"
        case State.OUTAGE if one.alive:
            return "st-pause", t("board", "paused, is back"), t("board", "paused"), ""
        case State.OUTAGE:
            return "st-silent", t("board", "not back yet"), t("board", "not back"), "stop"
        case State.PAUSED:
            since = zone_time(day, one.paused_at)
            by_me = one.paused_by == me().name
            text = t("board", "paused {time} by you", time=since) if by_me else t("board", "paused {time} by {who}", time=since, who=one.paused_by)
            return "st-pause", text, t("board", "paused"), ""
        case State.OVER:
            return "st-late", t("board", "time is over"), t("board", "over"), "call"
        case State.HAND:
            minutes = int((now - one.hand_at).total_seconds()) // 60 if one.hand_at else 0
            text = nt("board", "hand up, {n} min", "hand up, {n} min", minutes) if minutes else t("board", "hand up")
            return "st-flag", text, t("board", "hand up"), "call"
        case State.NOT_SAVING:
            return "st-alert", nt("board", "{n} answer unsaved", "{n} answers unsaved", one.unsaved), t("board", "unsaved"), "stop"
        case State.SILENT:
            return "st-silent", t("board", "no sign for {time}", time=ago(one.beat_ms or 0)), t("board", "silent"), "stop"
        case State.WAITING:
            return "st-none", t("board", "signed in, not begun"), t("board", "waits"), ""
        case State.SIGNED_IN:
            text = t("board", "signed in, wave {n}", n=one.wave) if day.facts.waves > 1 and one.wave else t("board", "signed in")
            return "st-none", text, t("board", "in"), ""
        case State.AWAY:
            return "st-none", t("board", "not signed in"), t("board", "expected"), "off"
    if one.left_page:
        return "st-note", nt("board", "left page {n} time", "left page {n} times", one.left_page), t("board", "left page"), ""
    if one.credit_ms:
        minutes = round(one.credit_ms / 60_000)
        return "st-prog", nt("board", "working, +{n} min", "working, +{n} min", minutes), t("board", "working"), ""
    return "st-prog", t("board", "working"), t("board", "working"), ""


# ---- seats -----------------------------------------------------------------------------------------------------------


def _cells(day: Day, rows: Sequence[Row]) -> list[Cell]:
    # Waves share PCs: who has a test open comes first in the rows, and his state is the seat's.
    by_seat = {row.seat: row for row in reversed(rows) if row.seat and row.tone != "off"}
    cells = []
    for seat in day.seats:
        row = by_seat.get(seat.label)
        if seat.state == "broken":
            cells.append(Cell(seat.id, seat.label, "st-fail", t("room", "broken"), "stop" if row and row.attempt_id else "free", row.name if row else ""))
        elif row is None:
            kept = next((one for one in day.people if one.seat_id == seat.id), None)
            cells.append(Cell(seat.id, seat.label, "", t("room", "kept") if kept else t("room", "free"), "free", kept.name if kept else ""))
        else:
            cells.append(Cell(seat.id, seat.label, row.shape, row.word, row.tone, row.name))
    return cells


# ---- what the key panel says -----------------------------------------------------------------------------------------


def _running(day: Day, found: boards.Board, now: datetime) -> Running:
    waiting = [row for row in found.rows if row.open and row.state in (State.OUTAGE, State.ASKS)] if day.incident else []
    wave = day.running.wave if day.running else 0
    return Running(
        at_work=sum(row.open for row in found.rows), handed_in=found.totals.handed_in,
        not_begun=sum(row.attempt_id is None and (not wave or row.wave in (0, wave)) for row in found.rows) if day.running else 0,
        calls=tuple(row.seat for row in found.rows if row.open and row.hand_at and row.seat),
        unsaved=tuple(row.seat for row in found.rows if row.open and row.state in (State.NOT_SAVING, State.SILENT) and row.seat),
        asks=tuple(row.name for row in found.rows if row.state is State.ASKS), back=sum(row.alive or row.state is State.ASKS for row in waiting),
        away=tuple(row.name for row in waiting if not row.alive and row.state is not State.ASKS), left_ms=found.ends_ms,
        lost_minutes=-(-int((now - day.incident.from_at).total_seconds()) // 60) if day.incident else 0,
        paused=found.totals.paused,
    )


def _cut(day: Day, running: Running) -> str:
    if day.incident is None:
        return ""
    return nt(
        "class", "The room is paused by an outage: {start} to {end}, {n} minute.", "The room is paused by an outage: {start} to {end}, {n} minutes.",
        running.lost_minutes, start=zone_time(day, day.incident.from_at), end=zone_time(day, clock.now()),
    )
