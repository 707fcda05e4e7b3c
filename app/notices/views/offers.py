"""Pages of offers: the trainer accepts, declines with a reason or proposes something else; the planner answers a proposal."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from flask import g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.errors import Invalid, Message, NotFound, say
from app.forms import Form
from app.http import go, guarded, me, say_next, status_of
from app.notices.forms import AcceptForm, AnswerForm, DeclineForm, ProposeForm
from app.notices.views.blueprint import bp
from app.people.models import Person
from app.policy import Target
from app.schedule import assignments, telling
from app.schedule.models import Assignment, AssignmentEvent, SessionSlot
from app.schedule.session_rules import MODES, ROLES
from app.schedule.telling import About

STATES: Mapping[str, Message] = {
    "requested": say("assignment", "your centre is asked for you"), "offered": say("assignment", "waits for your answer"),
    "accepted": say("assignment", "you accepted"), "assigned": say("assignment", "you are assigned"), "declined": say("assignment", "you declined"),
    "refused": say("assignment", "your centre refused"), "withdrawn": say("assignment", "taken back"),
}
"""The state of an assignment, said to its trainer."""
STEPS: Mapping[str, Message] = {
    "requested": say("assignment step", "Asked of the home centre"), "offered": say("assignment step", "Offered"), "accepted": say("assignment step", "Accepted"),
    "assigned": say("assignment step", "Assigned"), "declined": say("assignment step", "Declined"), "refused": say("assignment step", "Refused by the home centre"),
    "withdrawn": say("assignment step", "Taken back"), "proposed": say("assignment step", "Proposed something else"), "taken": say("assignment step", "Proposal taken"),
    "not-taken": say("assignment step", "Proposal not taken"), "broken": say("assignment step", "Can no longer come as planned"),
    "mended": say("assignment step", "Can come as planned again"), "overridden": say("assignment step", "Warning taken on"), "confirmed": say("assignment step", "Confirmed"),
}
"""What happened to an assignment, in its history."""
SHOWN_TO_TRAINER = set(STEPS) - {"overridden", "broken", "mended"}


@dataclass(frozen=True)
class Offer:
    """An assignment with the session that it is for."""

    assignment: Assignment
    slot: SessionSlot
    about: About
    person: str

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer."""
        return self.assignment.state == "offered"


def my_offer(db: Session, assignment_id: uuid.UUID) -> tuple[Offer, Target]:
    """An assignment of the address; the policy asks whose it is. Nothing of a draft that he was never asked about."""
    offer = _offer(db, assignment_id)
    asked = db.scalar(sa.select(AssignmentEvent.id).where(AssignmentEvent.assignment_id == assignment_id, AssignmentEvent.what == "offered").limit(1))
    if asked is None and offer.about.session.state == "draft":
        raise NotFound()
    return offer, Target(owner=offer.assignment.person_id)


def planned_offer(db: Session, assignment_id: uuid.UUID) -> tuple[Offer, Target]:
    """The same, for who plans the session."""
    offer = _offer(db, assignment_id)
    return offer, Target(path=offer.about.path)


def _offer(db: Session, assignment_id: uuid.UUID) -> Offer:
    row = db.execute(
        sa.select(Assignment, SessionSlot, Person.display_name).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
        .join(Person, Person.id == Assignment.person_id).where(Assignment.id == assignment_id)
    ).first()
    if row is None:
        raise NotFound()
    assignment, slot, name = row
    return Offer(assignment, slot, telling.about(db, [assignment.session_id])[assignment.session_id], name)


_OPEN_OFFERS = (
    sa.select(Assignment, SessionSlot, Person.display_name).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
    .join(Person, Person.id == Assignment.person_id).where(Assignment.person_id == sa.bindparam("person_id"), Assignment.state == "offered")
    .order_by(Assignment.answer_by, Assignment.since)
)


def open_offers(db: Session, person_id: uuid.UUID) -> list[Offer]:
    """The offers that wait for somebody's answer, the most urgent first. For the page of his teaching."""
    rows = db.execute(_OPEN_OFFERS, {"person_id": person_id}).all()
    told = telling.about(db, [assignment.session_id for assignment, _, _ in rows]) if rows else {}
    return [Offer(assignment, slot, told[assignment.session_id], name) for assignment, slot, name in rows]


@bp.app_template_global()
def my_open_offers() -> list[Offer]:
    """The offers of who looks that wait for his answer."""
    return open_offers(g.db, me().person_id)


@bp.app_template_global()
def slot_role(role: str) -> Message:
    """What a slot is called."""
    return ROLES[role]


# ---- the trainer -------------------------------------------------------------------------------------------------------


@bp.get("/my/offers/<uuid:assignment_id>")
@guarded("assignment.answer", my_offer)
def offer(offer: Offer) -> ResponseReturnValue:
    """An offer: when, where, with whom, until when to answer; afterwards what came of it."""
    proposal = assignments.proposal_of(g.db, offer.assignment)
    history = [one for one in assignments.history(g.db, offer.slot.id) if one.event.assignment_id == offer.assignment.id and one.event.what in SHOWN_TO_TRAINER]
    with_whom = [
        held for held in assignments.current(g.db, [offer.about.session.id]).get(offer.about.session.id, [])
        if held.assignment is not None and held.assignment.id != offer.assignment.id and held.assignment.state in ("accepted", "assigned")
    ]
    return render_template(
        "notices/offer.html", offer=offer, it=offer.about, proposal=proposal, history=history, with_whom=with_whom, states=STATES, steps=STEPS, modes=MODES,
    )


@bp.route("/my/offers/<uuid:assignment_id>/accept", methods=["GET", "POST"])
@guarded("assignment.answer", my_offer)
def accept(offer: Offer) -> ResponseReturnValue:
    """Take an offer, after one more look at it."""
    form = AcceptForm()
    if form.validate_on_submit():
        assignments.accept(g.db, offer.assignment, by=me().person_id, now=clock.now())
        say_next(say("offer", "Thank you: you have accepted. The planner is told, and your calendar shows it."))
        return go("notices.offer", assignment_id=offer.assignment.id)
    return _ask(offer, form, "accept")


@bp.route("/my/offers/<uuid:assignment_id>/decline", methods=["GET", "POST"])
@guarded("assignment.answer", my_offer)
def decline(offer: Offer) -> ResponseReturnValue:
    """Decline an offer, or take back an acceptance, with a reason: the slot is open again."""
    form = DeclineForm()
    if form.validate_on_submit():
        try:
            assignments.decline(g.db, offer.assignment, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
        except Invalid as error:
            form.show(error)
        else:
            say_next(say("offer", "You have declined. The planner is told and looks for somebody else."))
            return go("notices.offer", assignment_id=offer.assignment.id)
    return _ask(offer, form, "decline")


@bp.route("/my/offers/<uuid:assignment_id>/propose", methods=["GET", "POST"])
@guarded("assignment.answer", my_offer)
def propose(offer: Offer) -> ResponseReturnValue:
    """Answer with a proposal: another day, a part of it, another role. The offer stays open."""
    form = ProposeForm()
    if form.validate_on_submit():
        try:
            detail = {"day": form.day.data.isoformat()} if form.day.data else {}
            assignments.propose(g.db, offer.assignment, by=me().person_id, now=clock.now(), text=form.text.data or "", detail=detail)
        except Invalid as error:
            form.show(error)
        else:
            say_next(say("offer", "Your proposal is with the planner. The offer stays open until you accept or decline it."))
            return go("notices.offer", assignment_id=offer.assignment.id)
    return _ask(offer, form, "propose")


def _ask(offer: Offer, form: Form, deed: str) -> ResponseReturnValue:
    open_for = ("offered", "accepted") if deed == "decline" else ("offered",)
    if offer.assignment.state not in open_for:
        return go("notices.offer", assignment_id=offer.assignment.id)
    page = render_template("notices/answer.html", offer=offer, it=offer.about, form=form, deed=deed)
    return (page, status_of(Invalid())) if form.errors else page


# ---- the planner -------------------------------------------------------------------------------------------------------


@bp.route("/planning/offers/<uuid:assignment_id>", methods=["GET", "POST"])
@guarded("session.plan", planned_offer)
def proposal(offer: Offer) -> ResponseReturnValue:
    """What a trainer proposes instead: the planner takes it, and changes the session, or says why not."""
    found, form = assignments.proposal_of(g.db, offer.assignment), AnswerForm()
    if form.validate_on_submit():
        taken = "taken" in request.form
        try:
            assignments.answer_proposal(g.db, offer.assignment, taken=taken, answer=form.answer.data or "", by=me().person_id, now=clock.now())
        except Invalid as error:
            form.show(error)
        else:
            say_next(
                say("offer", "The trainer is told that you take the proposal. Change the session now; the offer waits for the answer.") if taken
                else say("offer", "The trainer is told. The offer stays open.")
            )
            return redirect(offer.about.link, code=303)
    history = [one for one in assignments.history(g.db, offer.slot.id) if one.event.assignment_id == offer.assignment.id]
    page = render_template("notices/proposal.html", offer=offer, it=offer.about, proposal=found, history=history, steps=STEPS, form=form)
    return (page, status_of(Invalid())) if form.errors else page
