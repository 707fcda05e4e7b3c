"""Pages of a class server on its way to its centre: the code, two fingerprints, the first snapshot, the first passwords.

Until somebody can sign in, every other address leads here. Whoever goes on has typed the code; what he sees without it is only
how joining works.
"""

from __future__ import annotations

import hmac
import uuid
from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, Flask, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists
from app.db import Database
from app.errors import DomainError, Invalid, NotAllowed, NotFound, say
from app.forms import Form
from app.http import SAFE_METHODS, audit, can, go, guarded, me, say_next, status_of
from app.ids import new_token
from app.offices.models import Office
from app.people import credentials, signing_in
from app.people.models import Account, Person
from app.people.register_forms import ROLES
from app.people.rules import password_fault
from app.policy import Role, Target
from app.sync import exchange, handshake, joining, trust
from app.sync.joining import Colleague
from app.sync.joining_forms import AnswerForm, CodeForm, ComparedForm, FirstAccountForm, SnapshotForm
from app.sync.keys import load_or_make
from app.sync.trust import Joining

bp = Blueprint("joining", __name__)
colleagues = Blueprint("colleagues", __name__)

OPEN_BEFORE = ("joining.", "ops.", "people.choose_language")  # what answers before the class has joined


# ---- the gate --------------------------------------------------------------------------------------------------------


def install(app: Flask, database: Database) -> None:
    """On a class server: until somebody can sign in, every page leads to the joining."""
    app.register_blueprint(bp)
    app.register_blueprint(colleagues)
    app.jinja_env.globals.update(revoked_here=revoked_here, accounts_page=lambda: url_for("colleagues.accounts") if can("class.accounts") else "")

    @app.before_request
    def gate() -> ResponseReturnValue | None:
        endpoint = request.endpoint or ""
        if endpoint.startswith(OPEN_BEFORE) or joined(app, database):
            return None
        return redirect(url_for("joining.index"), code=302 if request.method in SAFE_METHODS else 303)


def joined(app: Flask, database: Database) -> bool:
    """Whether somebody can sign in here; asked of the database until it is so."""
    if not app.extensions.get("sabaq.joined"):
        with database.sessions() as db:
            app.extensions["sabaq.joined"] = joining.ready(db, app.config["NODE"])
    return bool(app.extensions["sabaq.joined"])


def revoked_here() -> bool:
    """Whether the centre has said that it trusts this class server no more: every page says so then."""
    found = trust.read(_folder())
    return found is not None and bool(found.revoked_at)


# ---- where it stands -------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return Path(current_app.config["FOLDER"])


def _over() -> bool:
    return joined(current_app, current_app.extensions["sabaq.database"])


def _knows(found: Joining | None) -> bool:
    """Whether this browser has typed the code that the joining goes by."""
    return found is not None and hmac.compare_digest(str(session.get("joining", "")), found.secret[:32])


def _going_on() -> Joining:
    """The joining of whoever has typed its code. Raises NotAllowed for others, and NotFound when it is over."""
    if _over():
        raise NotFound()
    found = trust.read(_folder())
    if found is None or not _knows(found):
        raise NotAllowed(say("joining", "Type the code from the paper first."))
    return found


@bp.get("/join")
@guarded("page.public")
def index() -> ResponseReturnValue:
    """What this server is, and the next step of its joining."""
    if _over():
        return go("people.home")
    return _page()


def _page(**forms: Form) -> str:
    found = trust.read(_folder())
    knows = _knows(found)
    here = joining.node_of(g.db, current_app.config["NODE"]) is not None
    if found is None or not knows:
        step = "code"
    elif found.accepted is False:
        step = "refused"
    elif found.keys is None:
        step = "ask"
    elif not found.trusted:
        step = "compare"
    elif found.accepted is None and not here:
        step = "waiting"
    elif not here:
        step = "snapshot"
    else:
        step = "people"
    people = joining.keepers(g.db, node=current_app.config["NODE"], today=clock.now().date()) if step == "people" else []
    account = forms.get("account") or FirstAccountForm()
    if isinstance(account, FirstAccountForm):
        account.person.choices = [(str(one.person_id), f"{one.name} · {one.service_number}") for one in people]
    return render_template(
        "sync/join.html", step=step, joining=found if knows else None, begun=found is not None, node=current_app.config["NODE"],
        own=load_or_make(_folder()).public.fingerprint, code=forms.get("code") or CodeForm(address=found.address if found and knows else ""),
        compare=forms.get("compare") or ComparedForm(), snapshot=forms.get("snapshot") or SnapshotForm(), letter=forms.get("letter") or AnswerForm(), account=account, people=people,
    )


def _again(refused: DomainError, **forms: Form) -> ResponseReturnValue:
    [form] = forms.values()
    form.show(refused if isinstance(refused, Invalid) else Invalid(refused.message))
    return _page(**forms), status_of(refused)


# ---- the steps -------------------------------------------------------------------------------------------------------


@bp.post("/join/code")
@guarded("page.public")
def give_code() -> ResponseReturnValue:
    """The code from the paper: asks the centre at once where there is a line."""
    if _over():
        raise NotFound()
    form, folder = CodeForm(), _folder()
    if not form.validate():
        return _again(Invalid(), code=form)
    try:
        found = joining.ask(folder, node=current_app.config["NODE"], typed=form.code.data or "", address=form.address.data or "", now=clock.now())
    except Invalid as refused:
        return _again(refused, code=form)
    session["joining"] = found.secret[:32]
    if found.address:
        try:
            _ask_centre(found)
        except joining.TurnedAway as refused:
            _forget()
            return _again(refused, code=form)
        except Invalid as refused:
            return _again(refused, code=form)
    return go("joining.index")


def _forget() -> None:
    """Begin anew with another code; what a person has confirmed stays."""
    found = trust.read(_folder())
    if found is not None and not found.trusted:
        trust.forget(_folder())
        session.pop("joining", None)


def _ask_centre(found: Joining) -> Joining:
    g.db.rollback()  # the line may be slow: no transaction stays open
    return joining.hear(_folder(), joining.send(found, language=i18n.language(), folder=_folder()))


@bp.post("/join/ask")
@guarded("page.public")
def ask_again() -> ResponseReturnValue:
    """Ask the centre over the line whether somebody has accepted; at another address when one is given."""
    found, form = _going_on(), CodeForm()
    try:
        if "address" in request.form:
            found = joining.change_address(_folder(), form.address.data or "")
        if not found.address:
            raise Invalid(say("joining", "There is no address of the centre: carry the file of the request to it on a stick."))
        _ask_centre(found)
    except Invalid as refused:
        return _again(refused, code=form)
    return go("joining.index")


@bp.get("/join/request")
@guarded("page.public")
def request_file() -> ResponseReturnValue:
    """The request as a file for a stick."""
    found = _going_on()
    return lists.attachment(found.request.encode(), f"sabaq-join-{current_app.config['NODE']}.json")


@bp.post("/join/answer")
@guarded("page.public")
def answer_file() -> ResponseReturnValue:
    """The centre's answer, brought on a stick."""
    _going_on()
    form = AnswerForm()
    given = request.files.get("file")
    try:
        data = given.read(handshake.MOST_BYTES + 1) if given else b""
        if not data:
            raise Invalid(fields={"file": say("joining", "Choose the file of the answer on the stick first.")})
        joining.hear(_folder(), data)
    except Invalid as refused:
        return _again(refused, letter=form)
    return go("joining.index")


@bp.post("/join/confirm")
@guarded("page.public")
def confirm() -> ResponseReturnValue:
    """Somebody here has compared the centre's fingerprint."""
    _going_on()
    form = ComparedForm()
    try:
        if not form.compared.data:
            raise Invalid(fields={"compared": say("joining", "Compare first: the fingerprint of the centre is on the paper with the code, or ask by telephone.")})
        joining.confirm(_folder(), now=clock.now())
    except Invalid as refused:
        return _again(refused, compare=form)
    audit("join confirmed", about=current_app.config["NODE"])
    return go("joining.index")


@bp.post("/join/snapshot")
@guarded("page.public")
def snapshot() -> ResponseReturnValue:
    """The first bundle of the centre, brought on a stick."""
    found = _going_on()
    form, given = SnapshotForm(), request.files.get("file")
    part = _folder() / "exchange" / f"first-{new_token(64)}.part"
    try:
        if not found.trusted:
            raise Invalid(say("joining", "Compare the fingerprint of the centre first."))
        if not given or not given.filename:
            raise Invalid(fields={"file": say("joining", "Choose the file of the snapshot on the stick first.")})
        g.db.rollback()  # what follows has transactions of its own
        part.parent.mkdir(parents=True, exist_ok=True)
        given.save(part)
        outcome = exchange.take_bundle(
            current_app.extensions["sabaq.database"], current_app.extensions["sabaq.config"], load_or_make(_folder()), part, way="stick", now=clock.now(),
        )
    except DomainError as refused:
        return _again(refused, snapshot=form)
    finally:
        part.unlink(missing_ok=True)
    if found.accepted is None:  # the centre writes bundles for accepted servers only: this one brings the word that the letter would have
        trust.changed(_folder(), found, accepted=True)
    say_next(outcome.sentence)
    return go("joining.index")


@bp.post("/join/afresh")
@guarded("page.public")
def afresh() -> ResponseReturnValue:
    """The code was another, or the centre has turned the request down: begin with a new one. The keys of this server stay."""
    found = _going_on()
    if found.trusted and found.accepted is not False:
        raise NotFound()
    trust.forget(_folder())
    session.pop("joining", None)
    return go("joining.index")


@bp.post("/join/account")
@guarded("page.public")
def first_account() -> ResponseReturnValue:
    """A class manager who came down with the snapshot chooses user name and password: from then on this server is in use."""
    _going_on()
    form = FirstAccountForm()
    people = joining.keepers(g.db, node=current_app.config["NODE"], today=clock.now().date())
    chosen = next((one for one in people if str(one.person_id) == form.person.data), None)
    form.person.choices = [(str(one.person_id), one.name) for one in people]
    try:
        if not form.validate():
            raise Invalid()
        if chosen is None:
            raise Invalid(fields={"person": say("joining", "Choose who you are.")})
        if not (form.user_name.data or "").strip():
            raise Invalid(fields={"user_name": say("joining", "Choose a user name, like your family name in small Latin letters.")})
        new = form.new.data or ""
        if fault := password_fault(new, [*signing_in.own_words(g.db, chosen.person_id), form.user_name.data or ""]):
            raise Invalid(fields={"new": fault})
        if new != form.again.data:
            raise Invalid(fields={"again": say("signin", "The two are not the same.")})
        g.db.rollback()
        hashed = credentials.hash_password(new)
        signing_in.set_password(g.db, person_id=chosen.person_id, password_hash=hashed, now=clock.now(), user_name=form.user_name.data)
    except Invalid as refused:
        return _again(refused, account=form)
    audit("first account", about=str(chosen.person_id))
    session.pop("joining", None)
    say_next(say("joining", "This server is ready. Sign in with the user name and password that you have chosen."))
    return go("people.sign_in")


# ---- others of the class ---------------------------------------------------------------------------------------------


def _own_office() -> tuple[Office, Target]:
    own = joining.node_of(g.db, current_app.config["NODE"])
    office = g.db.get(Office, own.office_id) if own else None
    if office is None or not can("class.accounts", Target(path=office.path)):
        raise NotFound()
    return office, Target(path=office.path)


@colleagues.get("/class-accounts")
@guarded("class.accounts")
def accounts() -> ResponseReturnValue:
    """Who of the staff that came down can sign in here, and who needs a start password."""
    office, _ = _own_office()
    people = joining.staff_here(g.db, today=clock.now().date())
    return render_template("sync/accounts.html", office=office, people=people, roles=ROLES, may=_may_give_to)


def _may_give_to(one: Colleague) -> bool:
    """Not oneself, who has one; and an administrator gets his from an administrator."""
    return one.person_id != me().person_id and (Role.ADMINISTRATOR not in one.roles or me().actor.holds(frozenset({Role.ADMINISTRATOR})))


@colleagues.post("/class-accounts/<uuid:person_id>")
@guarded("class.accounts")
def start_password(person_id: uuid.UUID) -> ResponseReturnValue:
    """A start password on paper for a member of staff: passwords never travel between servers."""
    office, _ = _own_office()
    if not any(one.person_id == person_id and _may_give_to(one) for one in joining.staff_here(g.db, today=clock.now().date())):
        raise NotFound()
    officer = g.db.get_one(Person, person_id)
    until = clock.now() + signing_in.START_PASSWORD_FOR
    password = credentials.new_start_password()
    hashed = credentials.hash_start_password(password, until)
    signing_in.set_password(g.db, person_id=person_id, password_hash=hashed, now=clock.now())
    audit("account.reset", about=str(person_id))
    user_name = g.db.scalar(sa.select(Account.user_name).where(Account.person_id == person_id))
    return render_template("sync/start_password.html", officer=officer, password=password, until=until, office=office, user_name=user_name)

