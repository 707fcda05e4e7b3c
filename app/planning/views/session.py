"""The page of a session: its slots, the week of its trainers, what stands before its release, who fits and why not somebody else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n
from app.db import take_write_lock
from app.errors import Conflict, DomainError, Invalid, Message, NotFound, say
from app.http import audit, can, go, guarded, me, say_next
from app.i18n import t
from app.people.models import Person
from app.people.names import fold
from app.planning import queries, release, rules, week
from app.planning.facts import SlotFacts, TrainerFacts
from app.planning.release import Obstacle
from app.planning.rules import Level, Result, Verdict
from app.planning.views.blueprint import bp
from app.planning.views.sight import (
    SHAPES,
    facts_of,
    may_plan,
    meetings_of,
    month_of,
    room_of,
    sees,
    session_by,
    short_code,
    short_weekday,
    slot_name,
    the_session,
    title_of,
)
from app.policy import Target
from app.schedule import assignments
from app.schedule.assignments import LEAST_REASON, Held, Override
from app.schedule.models import Assignment, Meeting, SessionSlot, TrainingSession
from app.schedule.session_rules import STATES
from app.trainers.models import Trainer

SHOWN = {"suggested": 5, "with-reason": 3, "not-available": 2}
"""How many of a group stand on the page before "show all"."""
MOST_ASKED = 10
"""How many of those whose name fits what was typed are told of."""
WEEK_ROWS = 6

RESULT_SHAPES = {Level.BLOCKS: "st-fail", Level.RELEASE: "st-alert", Level.WARNS: "st-note", Level.POINTS: "st-none"}
OBSTACLE_SHAPES = {Level.BLOCKS: "st-alert", Level.RELEASE: "st-alert", Level.WARNS: "st-note", Level.POINTS: "st-info"}
OBSTACLE_WORDS: Mapping[Level, Message] = {
    **rules.LEVELS, Level.BLOCKS: say("release", "blocks"), Level.RELEASE: say("release", "blocks"), Level.POINTS: say("release", "note"),
}
ASSIGNMENT_SHAPES = {"requested": "st-prog", "offered": "st-prog", "accepted": "st-done", "assigned": "st-done"}
DEEDS: Mapping[str, Message] = {
    "requested": say("history", "asked of the centre of his country"), "offered": say("history", "slot offered"), "accepted": say("history", "accepted"),
    "assigned": say("history", "assigned"), "declined": say("history", "declined"), "refused": say("history", "refused by his centre"),
    "withdrawn": say("history", "taken out"), "proposed": say("history", "proposed something else"), "broken": say("history", "can no longer come as planned"),
    "mended": say("history", "can come again"), "overridden": say("history", "warning taken on"), "confirmed": say("history", "confirmed"),
}
EDITS = (
    ("planning.edit", say("session", "edit")), ("planning.meetings", say("session", "meetings")), ("planning.seats", say("session", "seats")),
)
"""Pages where a session itself is changed: endpoint and the word of its link."""


# ---- the page --------------------------------------------------------------------------------------------------------


@bp.get("/planning/sessions/<code>")
@guarded("session.read", session_by("session.read"))
def session(session: TrainingSession) -> ResponseReturnValue:
    """A session with all that its planner decides on."""
    return _page(session)


@dataclass(frozen=True)
class _Refused:
    """A form that was not taken: what was sent, and what is wrong with it."""

    error: DomainError
    field: str = "reason"  # the field of the page that its reason belongs to
    given: str = ""
    check: str = ""

    @property
    def errors(self) -> dict[str, Message]:
        """Messages by field of the page."""
        fields = self.error.fields if isinstance(self.error, Invalid) else {}
        return {self.field: fields["reason"]} if "reason" in fields else {}


def _page(session: TrainingSession, *, slot_id: uuid.UUID | None = None, trainer_id: uuid.UUID | None = None, refused: _Refused | None = None) -> ResponseReturnValue:
    now, db = clock.now(), g.db
    plans = may_plan(session)
    meetings = meetings_of(db, session.id)
    standing = [one for one in meetings if one.state != "cancelled"]
    held = assignments.current(db, [session.id]).get(session.id, [])
    chosen = _chosen(held, slot_id)
    obstacles = release.obstacles(db, session, now=now, sees=sees) if session.state != "cancelled" else []
    knows = plans or can("trainer.list", Target(path=session.run.office.path))
    look = _Look(db, session, chosen, trainer_id or _uuid(request.args.get("trainer")), now) if chosen and standing and knows else None
    errors = refused.errors if refused else {}
    over = max((one.ends_at for one in meetings), default=now) <= now
    untold = len(release.changes(db, session)) if session.state != "draft" and not over else 0
    return render_template(
        "planning/session.html", session=session, title=title_of(session), facts=facts_of(session, room_of(db, session), meetings), plans=plans,
        shapes=SHAPES, states=STATES, month=month_of(standing), releaser=_name(session.released_by), edits=_edits(session) if plans else [],
        slots=[_slot_row(session, one, chosen, obstacles) for one in held], filled=sum(one.assignment is not None for one in held), orders=any(one.assignment for one in held) and plans,
        week=look.week(held, standing) if look else None, obstacles=[_obstacle_row(session, one) for one in obstacles], blocking=sum(one.blocks for one in obstacles),
        untold=untold, tells=can("session.release", Target(path=session.run.office.path)), overrides=_overrides(held), history=_history(chosen, plans),
        choice=look.panel(chosen) if look and chosen else None, why=look.why() if look else None, errors=errors, given=refused.given if refused else "",
        given_check=refused.check if refused else "", refusal=refused.error.message if refused and not errors else None, least=LEAST_REASON, short_code=short_code,
        here=url_for("planning.session", code=session.code, slot=chosen.slot.number if chosen else None),
    ), (409 if isinstance(refused.error, Conflict) else 422) if refused else 200


def _chosen(held: Sequence[Held], slot_id: uuid.UUID | None) -> Held | None:
    """The slot that the address asks for, else the first that is empty or broken, else the first."""
    number = request.args.get("slot", "")
    for one in held:
        if one.slot.id == slot_id or (slot_id is None and str(one.slot.number) == number):
            return one
    open_ones = [one for one in held if one.assignment is None] or [one for one in held if one.assignment and one.assignment.broken]
    return next(iter(open_ones or held), None)


@dataclass(frozen=True)
class _SlotRow:
    name: str
    shape: str
    words: str
    more: list[str]
    href: str
    chosen: bool
    held: bool
    broken: bool


def _slot_row(session: TrainingSession, one: Held, chosen: Held | None, obstacles: Sequence[Obstacle]) -> _SlotRow:
    shape, words = _standing(one)
    if one.assignment is not None and not one.assignment.broken and any(each.assignment is one.assignment and each.code in rules.CONSTRAINTS and each.blocks for each in obstacles):
        shape = "st-alert"  # the job that marks it has not come round yet; why stands under "before release"
    return _SlotRow(
        slot_name(one.slot), shape, words, _more(one.assignment), url_for("planning.session", code=session.code, slot=one.slot.number, _anchor="who"),
        chosen is not None and chosen.slot.id == one.slot.id, one.assignment is not None, bool(one.assignment and one.assignment.broken),
    )


def _standing(one: Held) -> tuple[str, str]:
    """Shape and words of a slot: empty, asked, offered, accepted, broken."""
    assignment = one.assignment
    if assignment is None:
        return "st-empty", t("slot", "empty")
    if assignment.broken:
        found = [result for stored in assignment.broken if (result := rules.from_json(stored))]
        return "st-alert", t("slot", "broken: {name}. {why}", name=one.name, why=" ".join(i18n.say(result.message) for result in found))
    on = i18n.day(assignment.since.astimezone(ZoneInfo(i18n.viewer_zone())).date(), "brief")
    words = {
        "requested": t("slot", "{name}, asked of his centre {day}", name=one.name, day=on), "offered": t("slot", "{name}, offered {day}", name=one.name, day=on),
        "accepted": t("slot", "{name}, accepted {day}", name=one.name, day=on), "assigned": t("slot", "{name}, assigned {day}", name=one.name, day=on),
    }
    return ASSIGNMENT_SHAPES[assignment.state], words[assignment.state]


def _more(assignment: Assignment | None) -> list[str]:
    if assignment is None:
        return []
    lines = []
    if assignment.answer_by is not None:
        lines.append(t("slot", "answer by {moment}", moment=i18n.moment(assignment.answer_by)))
    if assignment.order_number and assignment.order_on:
        lines.append(t("slot", "order {number} of {day}", number=assignment.order_number, day=i18n.day(assignment.order_on)))
    return lines


@dataclass(frozen=True)
class _ObstacleRow:
    shape: str
    level: str
    text: str
    reason: str
    href: str
    action: str


def _obstacle_row(session: TrainingSession, one: Obstacle) -> _ObstacleRow:
    shape = "st-done" if one.reason else OBSTACLE_SHAPES[one.level]
    level = t("release", "taken on") if one.reason else i18n.say(OBSTACLE_WORDS[one.level])
    href, action = "", ""
    if one.slot is not None and not one.reason:
        anchor = f"give-{one.code}" if one.wants_reason else "held" if one.assignment else "who"
        href = url_for("planning.session", code=session.code, slot=one.slot.number, _anchor=anchor)
        action = t("release", "give") if one.wants_reason else t("session", "choose")
    elif one.code in ("meetings", "place", "link", "seats"):
        endpoint = {"meetings": "planning.meetings", "seats": "planning.seats"}.get(one.code, "planning.edit")
        if endpoint in current_app.view_functions:
            href, action = url_for(endpoint, code=session.code), t("session", "edit")
    return _ObstacleRow(shape, level, i18n.say(one.message), one.reason, href, action)


def _edits(session: TrainingSession) -> list[tuple[Message, str]]:
    return [(label, url_for(endpoint, code=session.code)) for endpoint, label in EDITS if endpoint in current_app.view_functions]


@dataclass(frozen=True)
class _TakenOn:
    name: str
    what: str
    reason: str
    by: str
    at: datetime


def _overrides(held: Sequence[Held]) -> list[_TakenOn]:
    kept = [(one, stored) for one in held if one.assignment for stored in one.assignment.overrides]
    names = _names([uuid.UUID(stored["by"]) for _, stored in kept])
    return [
        _TakenOn(one.name, _finding(one, stored["code"]), stored["reason"], names.get(uuid.UUID(stored["by"]), ""), datetime.fromisoformat(stored["at"]))
        for one, stored in kept
    ]


def _finding(one: Held, code: str) -> str:
    """What a check had found when he was chosen, else what it is called."""
    stored = next((each for each in (one.assignment.found if one.assignment else []) if each["code"] == code), None)
    result = rules.from_json(stored) if stored else None
    return i18n.say(result.message if result and not result.ok else rules.CONSTRAINTS[code].title)


@dataclass(frozen=True)
class _Event:
    at: str
    person: str
    words: str
    reason: str
    by: str


def _history(chosen: Held | None, plans: bool) -> list[_Event]:
    if chosen is None or not plans:
        return []
    found = []
    for one in assignments.history(g.db, chosen.slot.id):
        words = i18n.say(DEEDS[one.event.what])
        if one.event.what == "overridden":
            words = t("history", "{deed} ({what})", deed=words, what=i18n.say(rules.CONSTRAINTS[one.event.detail["code"]].title))
        found.append(_Event(i18n.moment(one.event.at, style="brief"), one.person, words, one.event.reason, one.by or t("history", "the program")))
    return found


# ---- who fits --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    shape: str
    text: str


@dataclass(frozen=True)
class _Entry:
    id: uuid.UUID
    n: int
    name: str
    country: str
    total: int
    href: str
    on: bool
    may: bool  # something can be pressed for him
    foreign: bool
    reason: bool  # a warning has to be taken on
    sentence: str
    findings: list[_Line]
    checks: int


@dataclass(frozen=True)
class _Group:
    key: str
    head: str
    rows: list[_Entry]
    rest: int  # how many more there are
    href: str  # where all of them are shown


@dataclass(frozen=True)
class _HeldNow:
    id: uuid.UUID
    name: str
    shape: str
    words: str
    findings: list[_Line]
    warnings: list[Any]
    free: bool  # nobody has to be told why
    waits: bool
    proposal: str
    proposal_href: str


@dataclass(frozen=True)
class _Panel:
    id: uuid.UUID
    number: int
    name: str
    pool: int
    held: _HeldNow | None
    groups: list[_Group]
    closest: list[rules.Change]
    q: str
    asked: list[_Entry]
    more: int  # others whose name fits too
    href: str


@dataclass(frozen=True)
class _Week:
    days: list[str]
    rows: list[Any]
    meetings: int
    more: bool


@dataclass(frozen=True)
class _WeekRow:
    name: str
    country: str
    href: str
    cells: list[week.Cell]
    outlined: bool


@dataclass
class _Look:
    """The pool as one slot sees it: gathered once for the panel, the week and the table of reasons."""

    db: Session
    session: TrainingSession
    chosen: Held
    wanted: uuid.UUID | None
    now: datetime
    facts: SlotFacts = field(init=False)
    trainers: dict[uuid.UUID, TrainerFacts] = field(init=False)
    verdicts: list[Verdict] = field(init=False)
    settings: Mapping[str, rules.Setting] = field(init=False)
    asked: list[Verdict] = field(init=False)  # whom "why not …?" asks about
    holder: Verdict | None = field(init=False)  # who is in the slot now, as he is judged
    shown: Verdict | None = field(init=False)  # whose reasons are shown

    def __post_init__(self) -> None:
        """Read the pool and judge everybody in it."""
        slot_id = self.chosen.slot.id
        pool = queries.load(self.db, [self.chosen.slot], now=self.now)
        self.settings, self.facts = pool.settings, pool.slots[slot_id]
        self.trainers = {one.trainer_id: one for one in pool.trainers_for(slot_id) if pool.listed(one, sees)}
        self.verdicts = rules.rank(rules.judge(self.facts, one, self.settings, sees) for one in self.trainers.values())
        self.asked = self._asked()
        assignment = self.chosen.assignment
        self.holder = next((one for one in self.verdicts if assignment and one.person_id == assignment.person_id), None)
        self.shown = self._shown()

    def _shown(self) -> Verdict | None:
        """Who was asked for, else who holds the slot, else the first suggested, else the best of the rest."""
        wanted = next((one for one in self.verdicts if one.trainer_id == self.wanted), None)
        if wanted is None and len(self.asked) == 1:
            wanted = self.asked[0]
        order = list(rules.GROUPS)
        return wanted or self.holder or min(self.verdicts, key=lambda one: order.index(one.group), default=None)

    def href(self, verdict: Verdict | None = None, anchor: str = "chosen") -> str:
        """The address of this page with a trainer chosen."""
        return url_for(
            "planning.session", code=self.session.code, slot=self.chosen.slot.number, trainer=verdict.trainer_id if verdict else None,
            _anchor=anchor if verdict else "who",
        )

    def entry(self, one: Verdict, n: int = 0) -> _Entry:
        """A line of the panel."""
        shown, fits = self.shown, one.group == "suggested"
        return _Entry(
            one.trainer_id, n, one.name, one.country, one.total, self.href(one), shown is not None and shown.trainer_id == one.trainer_id,
            one.group != "not-available", self.is_foreign(one.path), any(each.level is Level.WARNS for each in one.failing) and not self.is_foreign(one.path),
            " ".join(i18n.say(each) for each in one.summary) if fits else "",
            [_Line(RESULT_SHAPES[each.level], i18n.say(each.message)) for each in one.failing], len(one.results),
        )

    def is_foreign(self, path: str) -> bool:
        """Whether his home is not the asker's to plan: then his centre is asked."""
        return not can("session.plan", Target(path=path))

    def _asked(self) -> list[Verdict]:
        words = fold(request.args.get("q", "")[:200]).split()
        if not words:
            return []
        query = sa.select(Trainer.id).join(Person, Person.id == Trainer.person_id).where(Trainer.id.in_(self.trainers))
        for word in words:
            query = query.where(Person.search_key.contains(word, autoescape=True))
        ids = set(self.db.scalars(query))
        return [one for one in self.verdicts if one.trainer_id in ids]

    def panel(self, chosen: Held) -> _Panel:
        """The panel beside the slots."""
        groups = []
        rows = [one for one in self.verdicts if self.holder is None or one.trainer_id != self.holder.trainer_id]
        for key, head in rules.GROUPS.items():
            of_group = [one for one in rows if one.group == key]
            most = len(of_group) if request.args.get("all") == key or (self.wanted and self.shown in of_group[SHOWN[key] :]) else SHOWN[key]
            groups.append(_Group(
                key, t("choice", "{group}: {n}", group=i18n.say(head), n=len(of_group)), [self.entry(one, n) for n, one in enumerate(of_group[:most], 1)],
                max(0, len(of_group) - most), url_for("planning.session", code=self.session.code, slot=chosen.slot.number, trainer=self.wanted, all=key, _anchor=key),
            ))
        nobody = not any(one.group == "suggested" for one in self.verdicts)
        closest = queries.closest(self.db, chosen.slot, now=self.now, sees=sees) if nobody and self.verdicts else []
        return _Panel(
            chosen.slot.id, chosen.slot.number, slot_name(chosen.slot), len(self.verdicts), self.held_now(), groups, closest, request.args.get("q", "").strip()[:200],
            [self._asked_entry(one) for one in self.asked[:MOST_ASKED]], max(0, len(self.asked) - MOST_ASKED), self.href(),
        )

    def _asked_entry(self, one: Verdict) -> _Entry:
        entry = self.entry(one)
        good = [_Line("st-done", " ".join(i18n.say(each.message) for code in ("T4", "T3") if (each := one.of(code)) and each.ok))]
        return _Entry(**{**entry.__dict__, "findings": [*entry.findings, *(line for line in good if line.text)]})

    def held_now(self) -> _HeldNow | None:
        """Who is in the slot, and what can be done about it."""
        assignment = self.chosen.assignment
        if assignment is None:
            return None
        shape, words = _standing(self.chosen)
        taken_on = {one["code"] for one in assignment.overrides}
        failing = [one for one in (self.holder.failing if self.holder else ()) if one.code not in taken_on and one.key != "hidden"]
        warnings = [{"code": one.code, "text": i18n.say(one.message)} for one in failing if one.level is Level.WARNS]
        last = next((one.event for one in assignments.history(self.db, self.chosen.slot.id) if one.event.assignment_id == assignment.id), None)
        proposal = last.reason if last is not None and last.what == "proposed" and assignment.state == "offered" else ""
        return _HeldNow(
            assignment.id, self.chosen.name, shape, words, [_Line(RESULT_SHAPES[one.level], i18n.say(one.message)) for one in failing], warnings,
            assignment.state in ("requested", "offered"), assignment.state == "offered", proposal, f"/planning/offers/{assignment.id}" if proposal else "",
        )

    def why(self) -> dict[str, Any] | None:
        """The table of one trainer: each check with what it found, its result and points."""
        verdict = self.shown
        if verdict is None:
            return None
        return {
            "name": verdict.name, "group": verdict.group, "total": verdict.total, "most": sum(one.most for one in verdict.results),
            "rows": [
                {
                    "title": i18n.say(one.title), "text": i18n.say(one.message), "link": one.link, "most": one.most, "points": one.points, **_result(one),
                }
                for one in verdict.results
            ],
        }

    def week(self, held: Sequence[Held], meetings: Sequence[Meeting]) -> _Week:
        """The days of those who are in the session, of the best, and of who is looked at."""
        days = week.days_of([one.day for one in meetings])
        inside = {one.assignment.person_id for one in held if one.assignment}
        shown = self.shown
        order = ([shown.trainer_id] if shown else []) + [one.trainer_id for one in self.verdicts if one.person_id in inside]
        order += [one.trainer_id for group in rules.GROUPS for one in self.verdicts if one.group == group]
        rows = []
        for id in list(dict.fromkeys(order))[:max(WEEK_ROWS, len(inside) + 1)]:
            trainer, verdict = self.trainers[id], next(one for one in self.verdicts if one.trainer_id == id)
            cells = week.cells(trainer, days, self.facts, sees, self._travel_of(trainer), trainer.person_id in inside)
            rows.append(_WeekRow(trainer.name, trainer.country, self.href(verdict), cells, shown is not None and shown.trainer_id == id))
        last = max(one.day for one in meetings)
        return _Week([short_weekday(day) for day in days], rows, len(meetings), last > days[-1])

    def _travel_of(self, trainer: TrainerFacts) -> Any:
        numbers = self.settings["T6"].numbers
        return lambda span: rules.way(self.facts, trainer.home, span.place, numbers, rules.NO_COST).days


def _result(one: Result) -> dict[str, str]:
    if one.key == "hidden-rest":
        return {"shape": "st-none", "result": t("why", "not shown")}
    if one.ok:
        return {"shape": "st-done", "result": t("why", "fits")}
    if one.level is Level.POINTS:
        return {"shape": "st-none", "result": t("why", "fewer points")}
    return {"shape": RESULT_SHAPES[one.level], "result": i18n.say(rules.LEVELS[one.level])}


# ---- deeds -----------------------------------------------------------------------------------------------------------


def slot_by(action: str) -> Any:
    """A slot of a session."""
    find_session = session_by(action)

    def find(db: Session, code: str, slot_id: uuid.UUID) -> tuple[tuple[TrainingSession, SessionSlot], Target]:
        session, target = find_session(db, code)
        slot = db.get(SessionSlot, slot_id)
        if slot is None or slot.session_id != session.id:
            raise NotFound()
        return (session, slot), target

    return find


def assignment_by(action: str) -> Any:
    """An assignment of a session."""
    find_session = session_by(action)

    def find(db: Session, code: str, assignment_id: uuid.UUID) -> tuple[tuple[TrainingSession, Assignment], Target]:
        session, target = find_session(db, code)
        assignment = db.get(Assignment, assignment_id)
        if assignment is None or assignment.session_id != session.id:
            raise NotFound()
        return (session, assignment), target

    return find


@bp.post("/planning/sessions/<code>/slots/<uuid:slot_id>/take")
@guarded("session.plan", slot_by("session.plan"))
def take(found: tuple[TrainingSession, SessionSlot]) -> ResponseReturnValue:
    """Assign somebody, offer him the slot, or ask his centre for him: judged once more at this moment."""
    session, slot = found
    code, slot_id, trainer_id, given = session.code, slot.id, _uuid(request.form.get("trainer")), request.form.get("reason", "").strip()
    how = request.form.get("how", "")
    try:
        name = fill(session, slot, trainer_id, how, given)
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _page(the_session(g.db, code), slot_id=slot_id, trainer_id=trainer_id, refused=_Refused(refused, given=given))
    done = {
        "assign": say("choice", "{name} is assigned to {code}.", name=name, code=code), "offer": say("choice", "The slot is offered to {name}.", name=name),
        "request": say("choice", "The centre of {name} is asked.", name=name),
    }
    say_next(done[how])
    return go("planning.session", code=code)


def fill(session: TrainingSession, slot: SessionSlot, trainer_id: uuid.UUID | None, how: str, reason: str) -> str:
    """Put a trainer of the pool into a slot, after asking all constraints. Gives his name.

    Raises Conflict for whom something bars, Invalid without the reason that a warning wants, NotFound for whom the asker does not see.
    """
    db, now, by = g.db, clock.now(), me().person_id
    take_write_lock(db)
    verdict = queries.judge_one(db, slot, trainer_id, now=now, sees=sees) if trainer_id else None
    if verdict is None or how not in ("assign", "offer", "request"):
        raise NotFound()
    person = db.get_one(Person, verdict.person_id)
    foreign = not can("session.plan", Target(path=verdict.path))
    if (how == "request") != foreign:
        raise Conflict(say("choice", "{name} belongs to another country: his centre is asked for him.", name=verdict.name) if foreign else say("choice", "{name} is of your own country: offer him the slot, or assign him.", name=verdict.name))
    barred = next((one for one in verdict.failing if one.level is Level.BLOCKS), None)
    if barred is not None:
        raise Conflict(say("choice", "{name} cannot be taken: {finding}", name=verdict.name, finding=barred.message))
    warnings = [one for one in verdict.failing if one.level is Level.WARNS]
    overrides = [Override(one.code, one.level.value, reason) for one in warnings] if not foreign else []
    results = [rules.as_json(one) for one in verdict.results]
    if how == "request":
        assignments.request(db, slot, person, by=by, now=now, reason=reason, found=results)
    else:
        verb = assignments.assign if how == "assign" else assignments.offer
        verb(db, slot, person, by=by, now=now, overrides=overrides, found=results, sees=sees)
    if overrides:
        audit("assignment.override", about=session.code, person=str(person.id), checks=[one.code for one in overrides], reason=reason)
    return verdict.name


@bp.post("/planning/sessions/<code>/assignments/<uuid:assignment_id>/withdraw")
@guarded("session.plan", assignment_by("session.plan"))
def withdraw(found: tuple[TrainingSession, Assignment]) -> ResponseReturnValue:
    """Take somebody out of his slot."""
    session, assignment = found
    code, slot_id, given, name = session.code, assignment.slot_id, request.form.get("reason", ""), _name(assignment.person_id)
    try:
        assignments.withdraw(g.db, assignment, by=me().person_id, now=clock.now(), reason=given)
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _page(the_session(g.db, code), slot_id=slot_id, refused=_Refused(refused, "out", given))
    say_next(say("choice", "{name} is out of {code}; the slot is empty.", name=name, code=code), "warn")
    return _to_slot(code, slot_id)


@bp.post("/planning/sessions/<code>/assignments/<uuid:assignment_id>/no-wait")
@guarded("session.plan", assignment_by("session.plan"))
def no_wait(found: tuple[TrainingSession, Assignment]) -> ResponseReturnValue:
    """Assign somebody who has not answered his offer."""
    session, assignment = found
    code, slot_id, name = session.code, assignment.slot_id, _name(assignment.person_id)
    release.assign_without_waiting(g.db, assignment, by=me().person_id, now=clock.now())
    say_next(say("choice", "{name} is assigned to {code}.", name=name, code=code))
    return _to_slot(code, slot_id)


@bp.post("/planning/sessions/<code>/assignments/<uuid:assignment_id>/override")
@guarded("session.plan", assignment_by("session.plan"))
def override(found: tuple[TrainingSession, Assignment]) -> ResponseReturnValue:
    """Take on a warning about somebody who is in a slot already, with a reason."""
    session, assignment = found
    code, slot_id, check, given = session.code, assignment.slot_id, request.form.get("check", ""), request.form.get("reason", "").strip()
    warning = next((one for one in release.obstacles(g.db, session, now=clock.now(), sees=sees) if one.code == check and one.assignment is assignment and one.wants_reason), None)
    if warning is None:
        raise Conflict(say("override", "This warning does not stand any more. Look at it again."))
    try:
        assignments.override(g.db, assignment, Override(check, warning.level.value, given), by=me().person_id, now=clock.now())
    except Invalid as refused:
        g.db.rollback()
        return _page(the_session(g.db, code), slot_id=slot_id, refused=_Refused(refused, given=given, check=check))
    audit("assignment.override", about=code, person=str(assignment.person_id), checks=[check], reason=given)
    say_next(say("override", "The warning is taken on. The reason stands on this page and in the list of the month."))
    return _to_slot(code, slot_id)


def _to_slot(code: str, slot_id: uuid.UUID) -> ResponseReturnValue:
    return go("planning.session", code=code, slot=g.db.get_one(SessionSlot, slot_id).number)


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


def _name(person_id: uuid.UUID | None) -> str:
    return _names([person_id]).get(person_id, "") if person_id else ""


def _names(person_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    ids = set(person_ids)
    return dict(g.db.execute(sa.select(Person.id, Person.short_name).where(Person.id.in_(ids))).all()) if ids else {}

