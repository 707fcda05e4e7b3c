"""THE table of permissions: for each action, who may, and over what. Pure; asked by pages, lists and buttons alike."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Role(StrEnum):
    """What a person may be in an office and all below it, from a day to a day."""

    TRAINEE = "trainee"
    CLASS_MANAGER = "class-manager"
    TRAINER = "trainer"
    AUTHOR = "author"
    REVIEWER = "reviewer"
    TRAINING_OFFICER = "training-officer"
    REGISTRAR = "registrar"
    MANAGER = "manager"
    OPERATOR = "operator"
    COORDINATOR = "coordinator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Grant:
    """A role over the offices whose path begins with `path`."""

    role: Role
    path: str


@dataclass(frozen=True)
class Actor:
    """Who asks: a person with the grants of today, or nobody (person_id None)."""

    person_id: uuid.UUID | None = None
    grants: tuple[Grant, ...] = ()
    at_class: bool = False  # asks a class server, where what only the centre decides is nobody's

    def holds(self, roles: frozenset[Role]) -> bool:
        """Whether one of the roles is his, anywhere."""
        return any(grant.role in roles for grant in self.grants)


@dataclass(frozen=True)
class Target:
    """What an action is about, as far as rights go: its office's path, whose it is, and who teaches it."""

    path: str | None = None
    owner: uuid.UUID | None = None
    trainers: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True)
class Rule:
    """Who may. `roles` count for the target's office and all below it; the other ways in are said by name."""

    roles: frozenset[Role] = frozenset()
    owner: bool = False  # the person whose record it is
    trainer: bool = False  # a trainer of the run
    anyone: bool = False  # also without signing in
    signed_in: bool = False  # everybody who has signed in
    centre: bool = False  # decided at the centre alone; at a class server its outcome arrives


def roles(*names: Role, owner: bool = False, trainer: bool = False, centre: bool = False) -> Rule:
    """A rule for roles; the administrator gives roles and sees everything but does nobody's work."""
    return Rule(roles=frozenset(names), owner=owner, trainer=trainer, centre=centre)


OWN = Rule(owner=True)
ANYONE = Rule(anyone=True)
SIGNED_IN = Rule(signed_in=True)

STAFF = tuple(role for role in Role if role is not Role.TRAINEE)
SEES_PEOPLE = (
    Role.CLASS_MANAGER, Role.TRAINING_OFFICER, Role.REGISTRAR, Role.MANAGER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR,
)
SEES_RUNS = (*SEES_PEOPLE, Role.COORDINATOR)
SEES_SESSIONS = (
    Role.TRAINING_OFFICER, Role.MANAGER, Role.CLASS_MANAGER, Role.COORDINATOR, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR,
)

POLICY: dict[str, Rule] = {
    # everybody
    "page.public": ANYONE,
    "page.home": SIGNED_IN,
    "page.start": roles(*STAFF),
    "own.preferences": SIGNED_IN,
    # background work: who asked for it
    "job.list": roles(*STAFF),
    "job.read": OWN,
    # offices
    "office.list": roles(*STAFF),
    "office.edit": roles(Role.ADMINISTRATOR, centre=True),
    "seat.enrol": roles(Role.CLASS_MANAGER, Role.ADMINISTRATOR),
    # class servers
    "node.read": roles(Role.ADMINISTRATOR, Role.OPERATOR, Role.MANAGER, Role.AUDITOR),
    "node.keep": roles(Role.ADMINISTRATOR),
    "node.exchange": ANYONE,  # of the nodes themselves: a signature decides, not a sign-in
    "segment.release": roles(Role.ADMINISTRATOR, Role.OPERATOR, Role.MANAGER),
    "class.accounts": roles(Role.CLASS_MANAGER, Role.ADMINISTRATOR),  # on a class server alone
    # people
    "person.list": roles(*SEES_PEOPLE),
    "person.read": roles(*SEES_PEOPLE, owner=True),
    "person.edit": roles(Role.TRAINING_OFFICER, Role.ADMINISTRATOR),
    "person.import": roles(Role.TRAINING_OFFICER, Role.ADMINISTRATOR, centre=True),
    "role.give": roles(Role.ADMINISTRATOR, centre=True),
    "person.erase": roles(Role.ADMINISTRATOR, centre=True),
    "account.reset": roles(Role.ADMINISTRATOR),
    # courses
    "course.list": roles(*STAFF),
    "course.preview": roles(
        Role.TRAINER, Role.AUTHOR, Role.REVIEWER, Role.TRAINING_OFFICER, Role.ADMINISTRATOR,
    ),
    "course.learn": OWN,
    # runs
    "run.list": Rule(roles=frozenset(SEES_RUNS), trainer=True),
    "run.read": Rule(roles=frozenset(SEES_RUNS), trainer=True),
    "run.plan": roles(Role.TRAINING_OFFICER),
    "run.nominate": roles(Role.MANAGER, Role.CLASS_MANAGER, Role.TRAINING_OFFICER, centre=True),
    "run.decide": roles(Role.TRAINING_OFFICER, centre=True),
    "run.slips": Rule(roles=frozenset({Role.CLASS_MANAGER, Role.TRAINING_OFFICER})),
    "run.results": Rule(roles=frozenset(SEES_PEOPLE), trainer=True),
    "run.hand": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER),
    "run.close": Rule(roles=frozenset({Role.CLASS_MANAGER, Role.TRAINING_OFFICER})),
    # sessions and the pool: planned at the centre
    "session.list": roles(*SEES_SESSIONS, centre=True),
    "session.read": roles(*SEES_SESSIONS, trainer=True, centre=True),
    "session.title": roles(*(role for role in SEES_SESSIONS if role is not Role.COORDINATOR), centre=True),  # of another country's booking: by a role there
    "session.plan": roles(Role.TRAINING_OFFICER, centre=True),
    "session.release": roles(Role.TRAINING_OFFICER, centre=True),
    "request.make": roles(Role.TRAINING_OFFICER, Role.COORDINATOR, centre=True),
    "request.answer": roles(Role.TRAINING_OFFICER, centre=True),  # over the home office of the trainer who is asked for
    "assignment.answer": Rule(owner=True, centre=True),
    "trainer.list": roles(Role.TRAINING_OFFICER, Role.MANAGER, Role.COORDINATOR, Role.AUDITOR, Role.ADMINISTRATOR, centre=True),
    "trainer.read": roles(Role.TRAINING_OFFICER, Role.MANAGER, Role.COORDINATOR, Role.AUDITOR, Role.ADMINISTRATOR, owner=True, centre=True),
    "trainer.know": roles(Role.TRAINING_OFFICER, Role.MANAGER, Role.AUDITOR, Role.ADMINISTRATOR, owner=True, centre=True),  # without his consent: a coordinator reads by consent
    "trainer.keep": roles(Role.TRAINING_OFFICER, centre=True),
    "own.trainer": Rule(owner=True, centre=True),
    "board.read": roles(Role.TRAINING_OFFICER, Role.MANAGER, Role.COORDINATOR, Role.OPERATOR, Role.AUDITOR, centre=True),
    "constraint.read": roles(Role.TRAINING_OFFICER, Role.AUDITOR, Role.ADMINISTRATOR, centre=True),
    "constraint.edit": roles(Role.ADMINISTRATOR, centre=True),
    "outbox.send": roles(Role.TRAINING_OFFICER, centre=True),
    "seat.decline": Rule(owner=True, centre=True),
    "absence.keep": roles(Role.TRAINING_OFFICER, Role.MANAGER, centre=True),  # leave, shifts and deployments of officers who are trained
    "room.block": roles(Role.TRAINING_OFFICER, Role.ADMINISTRATOR, centre=True),
    "own.calendar": SIGNED_IN,
    "calendar.read": ANYONE,  # a secret address decides, not a sign-in
    "room.join": Rule(owner=True, trainer=True),
    "checkin.scan": ANYONE,  # a code that lives 45 seconds decides
    # the class day
    "class.day": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER, trainer=True),
    "class.enrol": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER),
    "date.confirm": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER, Role.ADMINISTRATOR),
    "classroom.keep": roles(Role.CLASS_MANAGER, Role.ADMINISTRATOR),
    "own.lock": roles(*STAFF),
    # the room
    "timetable.edit": Rule(roles=frozenset({Role.CLASS_MANAGER, Role.TRAINING_OFFICER}), trainer=True),
    "attendance.take": Rule(roles=frozenset({Role.CLASS_MANAGER, Role.TRAINING_OFFICER}), trainer=True),
    "run.teach": Rule(roles=frozenset({Role.CLASS_MANAGER}), trainer=True),
    # tests
    "attempt.start": OWN,
    "attempt.answer": OWN,
    "attempt.result": OWN,
    "exam.invigilate": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER, trainer=True),
    "paper.test": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER, trainer=True),
    "feedback.give": OWN,
    "feedback.read": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER, Role.MANAGER, trainer=True),
    "feedback.key": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER, trainer=True),
    # practical work, marking, debrief
    "practical.do": OWN,
    "practical.file": roles(Role.CLASS_MANAGER, owner=True, trainer=True),
    "practical.mark": roles(Role.CLASS_MANAGER, trainer=True),  # a class manager keys in what a rater noted on paper
    "attempt.mark": Rule(trainer=True),
    "attempt.grant": roles(Role.CLASS_MANAGER, trainer=True),
    "run.debrief": roles(Role.CLASS_MANAGER, trainer=True),
    # certificates
    "certificate.list": roles(Role.REGISTRAR, Role.MANAGER, Role.CLASS_MANAGER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR),
    "certificate.read": roles(
        Role.REGISTRAR, Role.MANAGER, Role.CLASS_MANAGER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR, owner=True,
    ),
    "certificate.issue": roles(Role.REGISTRAR, Role.CLASS_MANAGER),
    "certificate.sign": roles(Role.REGISTRAR, centre=True),
    "certificate.revoke": roles(Role.REGISTRAR),
    "certificate.verify": ANYONE,
    # the exchange between nodes
    "exchange.see": roles(
        Role.CLASS_MANAGER, Role.TRAINING_OFFICER, Role.MANAGER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR,
    ),
    "exchange.do": roles(Role.CLASS_MANAGER, Role.TRAINING_OFFICER, Role.OPERATOR, Role.ADMINISTRATOR),
    "intake.do": roles(Role.TRAINING_OFFICER, Role.ADMINISTRATOR),
    "person.merge": roles(Role.TRAINING_OFFICER, Role.ADMINISTRATOR),
    # reports
    "report.progress": roles(Role.MANAGER, Role.TRAINING_OFFICER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR),
    "report.people": roles(Role.MANAGER, Role.TRAINING_OFFICER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR),
}


def allowed(actor: Actor, action: str, target: Target | None = None) -> bool:
    """Whether the actor may do this to the target; without a target: whether the page has anything for him.

    Raises KeyError for an action that the table does not name.
    """
    rule = POLICY[action]
    if rule.anyone:
        return True
    if actor.person_id is None or (rule.centre and actor.at_class):
        return False
    if rule.signed_in:
        return True
    if target is None:
        return actor.holds(rule.roles) or rule.owner or (rule.trainer and actor.holds(frozenset({Role.TRAINER})))
    if rule.owner and target.owner is not None and target.owner == actor.person_id:
        return True
    if rule.trainer and actor.person_id in target.trainers:
        return True
    path = target.path
    return path is not None and any(grant.role in rule.roles and path.startswith(grant.path) for grant in actor.grants)


def anywhere(actor: Actor, action: str) -> bool:
    """Whether the action is the actor's for any target at all: decides between "not yours" and "not visible to you"."""
    return allowed(actor, action)


def scope(actor: Actor, action: str) -> tuple[str, ...]:
    """The office paths over which the actor's roles allow the action: what a list filters by. No path covers another."""
    rule = POLICY[action]
    if rule.centre and actor.at_class:
        return ()
    paths = sorted({grant.path for grant in actor.grants if grant.role in rule.roles})
    return tuple(p for p in paths if not any(p != q and p.startswith(q) for q in paths))


def in_force(valid_from: date, valid_to: date | None, today: date) -> bool:
    """Whether something given from a day to a day (both included) holds today."""
    return valid_from <= today and (valid_to is None or today <= valid_to)
