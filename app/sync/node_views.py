"""Pages of the centre about its class servers: who has joined, inviting, accepting, revoking, quarantine; and where one asks to join."""

from __future__ import annotations

import itertools
import logging
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, lists
from app.errors import DomainError, Invalid, NotFound, say
from app.forms import Form
from app.http import actor, audit, can, csrf, go, guarded, me, say_next, status_of
from app.offices.models import Classroom, Office
from app.offices.scope import under
from app.people.models import Person
from app.policy import Target, allowed, scope
from app.sync import handshake, joining, wording
from app.sync.joining_forms import ComparedForm, InviteForm, LetterForm, QuarantineForm, RevokeForm
from app.sync.keys import NodeKeys, load_or_make
from app.sync.models import JoinCode, JoinRequest, Node

log = logging.getLogger("sabaq.sync")

bp = Blueprint("nodes", __name__)

STATES = {
    "invited": say("node", "invited"), "asks": say("node", "asks to join"), "joined": say("node", "joined"), "revoked": say("node", "revoked"),
}
WAYS = {"https": say("node", "over the line"), "stick": say("node", "on a stick")}


def own_keys() -> NodeKeys:
    """The keys of this node."""
    return load_or_make(Path(current_app.config["FOLDER"]))


# ---- all of them -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A class server with where it stands."""

    node: Node
    office: Office
    room: Classroom | None
    asks: JoinRequest | None

    @property
    def state(self) -> str:
        """Its state, or that it asks to join."""
        return "asks" if self.asks else self.node.state


LISTING = lists.Listing(
    name="class-servers",
    title=say("node", "Class servers"),
    columns=(
        lists.Column("title", say("node", "Class server"), value=lambda row: row.node.title, sort=True, always=True),
        lists.Column("code", say("node", "Short name"), value=lambda row: row.node.code, sort=True),
        lists.Column("office", say("node", "Office"), value=lambda row: i18n.pick(row.office.names)),
        lists.Column("room", say("node", "Classroom"), value=lambda row: row.room and i18n.pick(row.room.names)),
        lists.Column("state", say("node", "State"), value=lambda row: STATES[row.state]),
        lists.Column("fingerprint", say("node", "Fingerprint"), value=lambda row: row.node.fingerprint),
        lists.Column("since", say("node", "Joined"), "moment", value=lambda row: row.node.joined_at, sort=True),
    ),
    sort="title",
    filters=(
        lists.Filter("q", say("node", "Name"), "search"),
        lists.Filter("state", say("node", "State"), options=tuple((key, text) for key, text in STATES.items() if key != "asks")),
    ),
)


@bp.get("/class-servers")
@guarded("node.read")
def index() -> ResponseReturnValue:
    """The class servers of the reader's offices."""
    return _index(LetterForm())


def _index(form: LetterForm) -> ResponseReturnValue:
    view = lists.asked(LISTING)
    query = sa.select(Node, Office, Classroom).join(Office, Office.id == Node.office_id).outerjoin(Classroom, Classroom.id == Node.classroom_id)
    query = query.where(lists.scoped(Office.path, "node.read"), Node.role == "classroom")
    if view.value("q"):
        word = view.value("q").lower()
        query = query.where(sa.or_(sa.func.lower(Node.title).contains(word, autoescape=True), Node.code.contains(word, autoescape=True)))
    if view.value("state"):
        query = query.where(Node.state == view.value("state"))
    lists.fetch(g.db, view, query, {"title": Node.title, "code": Node.code, "since": Node.joined_at}, Node.id)
    asking = _asking(g.db, [node.id for node, _, _ in view.rows])
    view.rows = [Line(node, office, room, asking.get(node.id)) for node, office, room in view.rows]
    return lists.export(view) or render_template(
        "sync/nodes.html", view=view, states=STATES, own=own_keys().public.fingerprint, may_keep=can("node.keep"), form=form,
    )


def _asking(db: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, JoinRequest]:
    open_ones = sa.select(JoinRequest).where(JoinRequest.node_id.in_(ids), JoinRequest.decided_at.is_(None))
    return {one.node_id: one for one in db.scalars(open_ones.order_by(JoinRequest.asked_at))}


# ---- one of them -----------------------------------------------------------------------------------------------------


def the_node(db: Session, node_id: uuid.UUID) -> tuple[Node, Target]:
    """A class server; rights go by its office."""
    row = db.execute(sa.select(Node, Office.path).join(Office, Office.id == Node.office_id).where(Node.id == node_id, Node.role == "classroom")).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.get("/class-servers/<uuid:node_id>")
@guarded("node.read", the_node)
def node(found: Node) -> ResponseReturnValue:
    """Where a class server stands, and what is to be done."""
    return _node_page(found)


def _node_page(found: Node, compare: ComparedForm | None = None, word: QuarantineForm | None = None) -> str:
    db = g.db
    held = joining.quarantine(db, found)
    requests = db.execute(
        sa.select(JoinRequest, Person.short_name).outerjoin(Person, Person.id == JoinRequest.decided_by)
        .where(JoinRequest.node_id == found.id).order_by(JoinRequest.asked_at.desc())
    ).all()
    code = db.scalars(sa.select(JoinCode).where(JoinCode.node_id == found.id).order_by(JoinCode.made_at.desc()).limit(1)).first()
    office = db.get(Office, found.office_id)
    target = Target(path=office.path)
    return render_template(
        "sync/node.html", node=found, office=office, room=db.get(Classroom, found.classroom_id) if found.classroom_id else None,
        replaces=db.get(Node, found.replaces_id) if found.replaces_id else None,
        replaced_by=db.scalars(sa.select(Node).where(Node.replaces_id == found.id)).first(),
        own=own_keys().public.fingerprint, requests=requests, states=STATES, ways=WAYS, code=code, compare=compare or ComparedForm(),
        held=held, inside=wording.in_words(joining.what_is_in(db, found)) if held else [], word=word or QuarantineForm(hash=held.last if held else ""),
        people=dict(db.execute(sa.select(Person.id, Person.short_name).where(Person.id.in_([one.by_id for one in held.words]))).all()) if held else {},
        numbers=joining.numbers_of(db, found, clock.now().year) if found.state == "joined" else 0, may_give_numbers=can("certificate.sign"),
        may_keep=can("node.keep", target), may_release=can("segment.release", target),
    )


# ---- inviting --------------------------------------------------------------------------------------------------------


def attempt(form: Form, deed: Callable[[], ResponseReturnValue], again: Callable[[], str]) -> ResponseReturnValue:
    """Do the deed when the form can be taken, else show it again with each fault at its field."""
    try:
        if form.validate():
            return deed()
        refused: DomainError = Invalid()
    except DomainError as error:
        refused = error
        form.show(error if isinstance(error, Invalid) else Invalid(error.message))
    return again(), status_of(refused)


@bp.route("/class-servers/new", methods=["GET", "POST"])
@guarded("node.keep")
def invite() -> ResponseReturnValue:
    """A new class server: which room, what it is called, whose place it takes."""
    form = InviteForm()
    mine = scope(actor(), "node.keep")
    rooms = g.db.execute(
        sa.select(Classroom, Office).join(Office, Office.id == Classroom.office_id).where(under(Office.path, mine), Office.closed_on.is_(None)).order_by(Office.path)
    ).all()
    gone = g.db.scalars(
        sa.select(Node).join(Office, Office.id == Node.office_id).where(under(Office.path, mine), Node.state == "revoked", Node.role == "classroom").order_by(Node.title)
    ).all()
    form.classroom.choices = [("", i18n.t("joining", "Choose a classroom"))] + [
        (str(room.id), f"{i18n.pick(office.names)} · {i18n.pick(room.names)}") for room, office in rooms
    ]
    form.replaces.choices = [("", i18n.t("joining", "no other: it is new"))] + [(str(one.id), one.title) for one in gone]
    if request.method == "GET":
        _propose(form, gone, request.args.get("replaces", ""))

    def deed() -> ResponseReturnValue:
        room = next((room for room, _ in rooms if str(room.id) == form.classroom.data), None)
        if room is None:
            raise Invalid(fields={"classroom": say("joining", "Choose the classroom that it stands in.")})
        replaced = next((one for one in gone if str(one.id) == form.replaces.data), None)
        if form.replaces.data and replaced is None:
            raise Invalid(fields={"replaces": say("joining", "Choose one of the revoked servers.")})
        made, code = joining.invite(
            g.db, code=form.code.data or "", title=form.title.data or "", room=room, replaces=replaced, by=me().person_id, now=clock.now(),
        )
        audit("node.invite", about=made.code)
        return _invitation(made, code)

    def again() -> str:
        return render_template("sync/invite.html", form=form, has_gone=bool(gone))

    return attempt(form, deed, again) if request.method == "POST" else again()


def _propose(form: InviteForm, gone: Sequence[Node], replaces: str) -> None:
    old = next((one for one in gone if str(one.id) == replaces), None)
    if old is None:
        return
    form.replaces.data, form.classroom.data = str(old.id), str(old.classroom_id)
    stem, _, count = old.code.rpartition("-")
    form.code.data = f"{stem}-{int(count) + 1}" if stem and count.isdigit() else f"{old.code}-2"
    form.title.data = _free_title(old.title)


def _free_title(title: str) -> str:
    """The title of the server that is replaced with the next number behind it: two in one list are told apart."""
    stem = re.sub(r" \(\d+\)$", "", title)
    taken = {one.casefold() for one in g.db.scalars(sa.select(Node.title))}
    return next(found for n in itertools.count(2) if (found := f"{stem} ({n})").casefold() not in taken)


def _invitation(made: Node, code: str) -> str:
    """The paper with the code: shown this once."""
    own = joining.keep_own_row(g.db, keys=own_keys(), address=current_app.config["PUBLIC"], now=clock.now())
    held = g.db.scalars(sa.select(JoinCode).where(JoinCode.node_id == made.id).order_by(JoinCode.expires_at.desc()).limit(1)).one()
    room = g.db.get(Classroom, made.classroom_id)
    return render_template(
        "sync/invitation.html", node=made, code=code, own=own, until=held.expires_at, room=room, office=g.db.get(Office, made.office_id),
    )


@bp.post("/class-servers/<uuid:node_id>/code")
@guarded("node.keep", the_node)
def another_code(found: Node) -> ResponseReturnValue:
    """A new code for a server that has not joined: the one before was lost or has expired."""
    code = joining.give_code(g.db, found, by=me().person_id, now=clock.now())
    audit("node.code", about=found.code)
    return _invitation(found, code)


# ---- requests --------------------------------------------------------------------------------------------------------


@bp.post("/sync/join")
@guarded("page.public")
def join() -> ResponseReturnValue:
    """A class server asks over the line. The letter proves itself; no cookie counts here."""
    data = b"" if (request.content_length or 0) > handshake.MOST_BYTES else request.get_data()
    try:
        answer = _taken(data, "https")
    except DomainError as refused:
        # Not in the audit, which travels and is kept: anybody who reaches this address could fill it.
        log.warning("a request to join from %s was refused: %s", request.remote_addr, refused.message.text)
        return jsonify(error=i18n.say(refused.message)), status_of(refused)
    return Response(answer, mimetype="application/json")


csrf.exempt(join)  # no browser sends it


def _taken(data: bytes, way: str) -> bytes:
    keys, now = own_keys(), clock.now()
    _, secret = joining.take_request(g.db, data, way=way, now=now)
    joining.keep_own_row(g.db, keys=keys, address=current_app.config["PUBLIC"], now=now)
    return joining.answer(g.db, data, secret, keys=keys, now=now)


@bp.post("/class-servers/letter")
@guarded("node.keep")
def letter() -> ResponseReturnValue:
    """A request that came on a stick: kept, and answered with a file for the way back."""
    form, given = LetterForm(formdata=None), request.files.get("file")
    data = given.read(handshake.MOST_BYTES + 1) if given else b""
    try:
        if not data:
            raise Invalid(say("joining", "Choose the file of the request on the stick first."))
        asked, _ = handshake.read_request(data)
        known = joining.node_of(g.db, asked.node)
        office = g.db.get(Office, known.office_id) if known else None
        if office is not None and not allowed(actor(), "node.keep", Target(path=office.path)):
            raise NotFound()
        answer = _taken(data, "stick")
    except NotFound:
        raise
    except DomainError as refused:
        g.db.rollback()
        form.show(Invalid(fields={"file": refused.message}))
        return make_response(_index(form), status_of(refused))
    audit("node.letter", about=asked.node)
    return lists.attachment(answer, f"sabaq-join-{asked.node}-answer.json")


def the_request(db: Session, request_id: uuid.UUID) -> tuple[JoinRequest, Target]:
    """A request; rights go by the office of its class server."""
    row = db.execute(
        sa.select(JoinRequest, Office.path).join(Node, Node.id == JoinRequest.node_id).join(Office, Office.id == Node.office_id)
        .where(JoinRequest.id == request_id)
    ).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.post("/class-servers/requests/<uuid:request_id>/accept")
@guarded("node.keep", the_request)
def accept(asked: JoinRequest) -> ResponseReturnValue:
    """Trust these keys: somebody has compared the fingerprint."""
    form = ComparedForm()
    found = g.db.get(Node, asked.node_id)

    def deed() -> ResponseReturnValue:
        if not form.compared.data:
            raise Invalid(fields={"compared": say("joining", "Compare first: call the class and let them read their fingerprint.")})
        joining.accept(g.db, asked, by=me().person_id, now=clock.now())
        audit("node.accept", about=found.code, fingerprint=asked.fingerprint)
        say_next(
            say("joining", "{title} has joined. Write a stick for it under Sticks: with the first snapshot it goes on.", title=found.title) if asked.way == "stick"
            else say("joining", "{title} has joined. Its first snapshot is made when it asks for it, or when you write a stick.", title=found.title)
        )
        return go("nodes.node", node_id=found.id)

    return attempt(form, deed, lambda: _node_page(found, compare=form))


@bp.post("/class-servers/requests/<uuid:request_id>/refuse")
@guarded("node.keep", the_request)
def turn_down(asked: JoinRequest) -> ResponseReturnValue:
    """The fingerprints differ, or nobody there has asked."""
    found = joining.turn_down(g.db, asked, by=me().person_id, now=clock.now())
    audit("node.refuse", about=found.code, fingerprint=asked.fingerprint)
    say_next(say("joining", "The request is turned down. Print a new code when {title} shall try again.", title=found.title), "warn")
    return go("nodes.node", node_id=found.id)


# ---- revoking and quarantine -----------------------------------------------------------------------------------------


@bp.route("/class-servers/<uuid:node_id>/revoke", methods=["GET", "POST"])
@guarded("node.keep", the_node)
def revoke(found: Node) -> ResponseReturnValue:
    """Stolen, lost or copied: its key is worth nothing from now on."""
    form = RevokeForm()

    def deed() -> ResponseReturnValue:
        if not form.sure.data:
            raise Invalid(fields={"sure": say("joining", "Tick this to revoke the server.")})
        joining.revoke(g.db, found, why=form.why.data or "", by=me().person_id, now=clock.now())
        audit("node.revoke", about=found.code, why=found.revoked_why)
        say_next(say("joining", "{title} is revoked. What it sends from now on goes to quarantine.", title=found.title), "warn")
        return go("nodes.node", node_id=found.id)

    def again() -> str:
        return render_template("sync/revoke.html", form=form, node=found)

    return attempt(form, deed, again) if request.method == "POST" else again()


@bp.post("/class-servers/<uuid:node_id>/quarantine/<any(release,refuse):what>")
@guarded("segment.release", the_node)
def quarantine(found: Node, what: str) -> ResponseReturnValue:
    """One person's word about what came after a server was revoked."""
    form = QuarantineForm()
    release = what == "release"

    def deed() -> ResponseReturnValue:
        let_in = joining.say_of_quarantine(
            g.db, found, hash=form.hash.data or "", release=release, reason=form.reason.data or "", by=me().person_id, now=clock.now(),
        )
        audit("node.quarantine", about=found.code, release=release, hash=form.hash.data)
        if let_in:
            say_next(say("joining", "Two people have looked at it: it counts now."))
        elif release:
            say_next(say("joining", "Noted. A second person must say the same before it counts."))
        else:
            say_next(say("joining", "Noted: it stays out."), "warn")
        return go("nodes.node", node_id=found.id)

    return attempt(form, deed, lambda: _node_page(found, word=form))


