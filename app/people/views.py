"""Pages of people: signing in and out, the start page, own settings."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import segno
import sqlalchemy as sa
from flask import Blueprint, current_app, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock, i18n
from app.classday import queries as class_days
from app.errors import DomainError, Invalid, Message, NotSignedIn, Throttled, say
from app.forms import Form
from app.http import Visitor, actor, audit, can, go, guarded, local_path, me, note, say_next, status_of, who
from app.i18n import LANGUAGES
from app.ids import new_token, token_hash
from app.offices.models import Office
from app.offices.seats import SeatHere
from app.offices.views import keep_seat, seat_here, seat_token
from app.people import credentials, rules, signing_in, totp
from app.people.forms import (
    ChangePasswordForm,
    CodeForm,
    NewPasswordForm,
    PasswordForm,
    PinForm,
    PreferencesForm,
    SelectChoice,
)
from app.people.queries import Settings, grants_of, who_is
from app.people.rules import Step
from app.people.signing_in import Candidate, Secrets, Try
from app.policy import Role, Target, scope
from app.runs import queries as runs
from app.runs.rules import STATES
from app.sync import views as exchange

bp = Blueprint("people", __name__)

RUNS_AT_START = 6


# ---- signing in ------------------------------------------------------------------------------------------------------


@bp.get("/")
@guarded("page.home")
def home() -> ResponseReturnValue:
    """The start of whoever is signed in."""
    if me().staff:
        return go("people.start")
    return go("courses.home" if "courses.home" in current_app.view_functions else "people.preferences")


@bp.get("/sign-in")
@guarded("page.public")
def sign_in() -> ResponseReturnValue:
    """The sign-in page of this place: service number and PIN at an enrolled seat, else a password."""
    if who():
        return go("people.home")
    form = PinForm(next=local_path(request.args.get("next"))) if seat_here() else _password_form()
    return _sign_in_page(form)


@bp.get("/sign-in/password")
@guarded("page.public")
def password_page() -> ResponseReturnValue:
    """The same with a password: for staff at an enrolled seat."""
    return go("people.home") if who() else _sign_in_page(_password_form())


@bp.post("/sign-in/pin")
@guarded("page.public")
def sign_in_with_pin() -> ResponseReturnValue:
    """A trainee signs in at an enrolled seat."""
    form, seat, now = PinForm(), seat_here(), clock.now()
    if seat is None:
        text = say("signin", "This PC is no seat of a class any more. Ask the class manager to enrol it, or sign in with a password.")
        return _sign_in_page(_password_form(), Invalid(text))
    if not form.validate():
        return _sign_in_page(form, Invalid())
    candidate = signing_in.with_pin(
        g.db, agency_id=_uuid(form.agency.data), service_number=form.service_number.data or "", now=now
    )
    tried = signing_in.the_try(g.db, candidate, seat_id=seat.seat_id, address=_address())
    try:
        signing_in.may_try(g.db, tried, now)
        g.db.rollback()  # the reading is over: no transaction stays open while the PIN is hashed
        with credentials.alone(tried.account_here):
            right = credentials.which_pin(form.pin.data or "", candidate.pin_hashes)
            if right is None:
                raise Invalid(fields={"pin": say("signin", "The PIN does not fit this service number")})
            place = _may_use_slip(candidate, candidate.pins[right][0], seat, now)
            token = signing_in.sign_in_with_pin(
                g.db, candidate=candidate, pin_id=candidate.pins[right][0], seat_id=seat.seat_id, now=now, **_browser()
            )
    except (Invalid, Throttled) as refused:
        return _refused(form, refused, candidate, tried, now)
    response = _signed_in(token, tried, form.next.data)
    if place.hint:
        say_next(place.hint, "warn")
    keep_seat(response, seat_token() or "")
    return response


def _may_use_slip(candidate: Candidate, pin_id: uuid.UUID, seat: SeatHere, now: datetime) -> signing_in.SlipPlace:
    """Where the owner of a right PIN should sit. Raises Invalid for a slip that does not hold now, or not in this office."""
    slip, asked = signing_in.slip_of(g.db, pin_id), current_app.extensions["sabaq.neighbours"]
    manager = signing_in.class_manager(g.db, seat.path, now.date())
    slip.refuse(now, zone=seat.zone, who=manager or i18n.t("signin", "The class manager"))
    place: signing_in.SlipPlace = asked.place_of(g.db, slip.run_id, candidate.person_id, seat)
    if place.refused:
        raise Invalid(fields={"pin": place.refused})
    return place


@bp.post("/sign-in/password")
@guarded("page.public")
def sign_in_with_password() -> ResponseReturnValue:
    """Staff, or a trainee from elsewhere: the password first, then what else is asked of this account."""
    form, now = _password_form(), clock.now()
    if not form.validate():
        return _sign_in_page(form, Invalid())
    candidate = signing_in.with_password(g.db, name=form.name.data or "", agency_id=_uuid(form.agency.data), now=now)
    seat = seat_here()
    tried = signing_in.the_try(g.db, candidate, seat_id=seat.seat_id if seat else None, address=_address())
    try:
        person_id, stored = _check(tried, candidate, form.password.data or "", now)
    except (Invalid, Throttled) as refused:
        return _refused(form, refused, candidate, tried, now)
    left, chosen = session.get("left"), session.get("language")
    session.clear()
    session.update({name: kept for name, kept in (("left", left), ("language", chosen)) if kept})
    g.pop("csrf_token", None)
    return _go_on(Pending(person_id, credentials.fingerprint(stored), now, False, new_token(), local_path(form.next.data)), tried)


def _check(tried: Try, candidate: Candidate, password: str, now: datetime) -> tuple[uuid.UUID, str]:
    """The person and his stored hash, hashed anew where it is dated. No transaction is open while this hashes.

    Raises Throttled while a delay runs and Invalid for a wrong password.
    """
    signing_in.may_try(g.db, tried, now)
    g.db.rollback()
    with credentials.alone(tried.account_here):
        right = credentials.check_password(password, candidate.password_hash, now)
    if not right or candidate.person_id is None or candidate.password_hash is None:
        raise Invalid(fields={"password": say("signin", "The password does not fit this name")})
    if not credentials.is_dated(candidate.password_hash):
        return candidate.person_id, candidate.password_hash
    anew = credentials.hash_password(password)
    signing_in.hash_anew(g.db, person_id=candidate.person_id, old=candidate.password_hash, new=anew)
    return candidate.person_id, anew


def _refused(form: Form, refused: DomainError, candidate: Candidate, tried: Try, now: datetime) -> ResponseReturnValue:
    """The form again with what to do. A wrong try is counted after this transaction, so that it survives."""
    if isinstance(refused, Invalid):
        note(lambda db: _count(db, tried, now))
        audit("sign-in refused", about=str(candidate.person_id or ""), place=tried.place)
        return _sign_in_page(form, refused, signing_in.wait_after_this(g.db, tried, now))
    return _sign_in_page(form, refused)


def _count(db: Session, tried: Try, now: datetime) -> None:
    signing_in.failed(db, tried, now)


def _signed_in(token: str, tried: Try, onward: str | None, response: Response | None = None) -> Response:
    """A new session for a new sign-in: nothing of the visitor's session, and so of an earlier person's, is left in it."""
    found = who_is(g.db, token_hash(token), clock.now().date())
    if found is None:
        raise NotSignedIn()
    left, chosen = session.get("left"), session.get("language")
    session.clear()
    g.pop("csrf_token", None)
    if chosen:
        session["language"] = chosen
    session["held"] = signing_in.held_roles(found.grants)
    login_user(Visitor(token, found))
    g.who = found
    g.pop("language", None)
    note(lambda db: signing_in.forgive(db, tried))
    audit("sign-in", about=str(found.sign_in_id), kind=found.kind, place=tried.place)
    somebody_elses = left is not None and left["who"] != str(found.person_id)  # the page he left is not for the next one
    if response is None:
        response = redirect("/" if somebody_elses else local_path(onward), code=303)
    return response


@bp.post("/sign-out")
@guarded("page.home")
def sign_out() -> ResponseReturnValue:
    """End the sign-in; nothing of this person is left in the browser."""
    signing_in.sign_out(g.db, sign_in_id=me().sign_in_id, now=clock.now())
    audit("sign-out", about=str(me().sign_in_id))
    session.clear()
    session["left"] = {"why": rules.Ended.SIGNED_OUT.value, "who": str(me().person_id)}
    response = go("people.sign_in")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


# ---- after the password: code, own password, second factor -------------------------------------------------------------


@dataclass(frozen=True)
class Pending:
    """A sign-in whose password was right and that waits for more. Kept in the signed session cookie for ten minutes."""

    person_id: uuid.UUID
    proof: str  # fingerprint of the password hash: a changed password voids it
    at: datetime
    code: bool  # the code of the second factor was given
    nonce: str  # what a proposed second factor is made from
    onward: str

    def keep(self) -> None:
        """In the session, as plain values."""
        session["pending"] = {
            "person": str(self.person_id), "proof": self.proof, "at": self.at.timestamp(), "code": self.code,
            "nonce": self.nonce, "onward": self.onward,
        }


def _pending(step: Step) -> tuple[Pending, Secrets] | None:
    """The half-done sign-in of this browser that has come to this step; None: there is none, or it took too long."""
    kept = session.get("pending")
    if kept is None:
        return None
    at = datetime.fromtimestamp(kept["at"], tz=clock.now().tzinfo)
    pending = Pending(uuid.UUID(kept["person"]), kept["proof"], at, kept["code"], kept["nonce"], kept["onward"])
    secrets = signing_in.secrets_of(g.db, pending.person_id)
    if not at <= clock.now() <= at + signing_in.PENDING_FOR or secrets.proof != pending.proof or _step(pending, secrets) != step:
        session.pop("pending")
        return None
    return pending, secrets


def _start_again() -> ResponseReturnValue:
    session["left"] = {"why": "half-done", "who": ""}
    return go("people.sign_in")


def _step(pending: Pending, secrets: Secrets) -> Step:
    return rules.next_step(
        has_secret=secrets.has_secret, code_given=pending.code, start_password=credentials.is_start(secrets.password_hash),
        must_have=_must_have(pending.person_id),
    )


def _must_have(person_id: uuid.UUID) -> bool:
    return rules.must_have_second_factor(
        grants_of(g.db, person_id, clock.now().date()),
        centre=current_app.config["ROLE"] == "centre", production=current_app.config["ENV"] == "production",
    )


PAGES = {Step.CODE: "people.give_code", Step.PASSWORD: "people.choose_password", Step.SECOND_FACTOR: "people.first_second_factor"}


def _go_on(pending: Pending, tried: Try) -> ResponseReturnValue:
    """The next step of the sign-in, or its end."""
    step = _step(pending, signing_in.secrets_of(g.db, pending.person_id))
    if step is not Step.DONE:
        pending.keep()
        return go(PAGES[step])
    return _signed_in(_begin(pending), tried, pending.onward)


def _begin(pending: Pending) -> str:
    seat = seat_here()
    return signing_in.sign_in_with_password(
        g.db, person_id=pending.person_id, proof=pending.proof, seat_id=seat.seat_id if seat else None, now=clock.now(), **_browser()
    )


def _try_of(pending: Pending) -> Try:
    seat = seat_here()
    candidate = signing_in.candidate_of(pending.person_id)
    return signing_in.the_try(g.db, candidate, seat_id=seat.seat_id if seat else None, address=_address())


@bp.route("/sign-in/code", methods=["GET", "POST"])
@guarded("page.public")
def give_code() -> ResponseReturnValue:
    """The second step: a code of the telephone app, or a recovery code."""
    found, form, now = _pending(Step.CODE), CodeForm(), clock.now()
    if found is None:
        return _start_again()
    pending, _secrets = found
    if not form.validate_on_submit():
        return _step_page("people/code.html", form)
    tried = _try_of(pending)
    try:
        signing_in.may_try(g.db, tried, now)
        _use_code(pending.person_id, form, now)
    except Invalid as refused:
        note(lambda db: _count(db, tried, now))
        audit("code refused", about=str(pending.person_id), place=tried.place)
        return _step_page("people/code.html", form, refused)
    except Throttled as refused:
        return _step_page("people/code.html", form, refused)
    after = Pending(pending.person_id, pending.proof, pending.at, True, pending.nonce, pending.onward)
    return _go_on(after, tried)


@bp.route("/sign-in/own-password", methods=["GET", "POST"])
@guarded("page.public")
def choose_password() -> ResponseReturnValue:
    """After a start password: one that nobody else knows."""
    found, form = _pending(Step.PASSWORD), NewPasswordForm()
    if found is None:
        return _start_again()
    pending, secrets = found
    if not form.validate_on_submit():
        return _step_page("people/own_password.html", form)
    try:
        stored = _new_hash(form, pending.person_id)
        signing_in.set_password(g.db, person_id=pending.person_id, password_hash=stored, now=clock.now(), proof=secrets.proof)
    except Invalid as refused:
        return _step_page("people/own_password.html", form, refused)
    audit("password chosen", about=str(pending.person_id))
    after = Pending(
        pending.person_id, credentials.fingerprint(stored), pending.at, pending.code, pending.nonce, pending.onward
    )
    return _go_on(after, _try_of(pending))


@bp.route("/sign-in/second-factor", methods=["GET", "POST"])
@guarded("page.public")
def first_second_factor() -> ResponseReturnValue:
    """Whoever runs a centre has to have a second step: set it up before going on."""
    found, form = _pending(Step.SECOND_FACTOR), CodeForm()
    if found is None:
        return _start_again()
    pending, secrets = found
    secret = credentials.proposed_secret(pending.nonce)
    if not form.validate_on_submit():
        return _second_factor_page(form, secret, secrets, pending.person_id)
    try:
        codes = signing_in.set_second_factor(
            g.db, person_id=pending.person_id, secret=secret, code=form.code.data or "", now=clock.now()
        )
    except Invalid as refused:
        form.show(refused)
        return _second_factor_page(form, secret, secrets, pending.person_id), status_of(refused)
    tried = _try_of(pending)
    _signed_in(_begin(pending), tried, pending.onward)
    audit("second factor set up", about=str(pending.person_id))
    return render_template("people/recovery_codes.html", codes=codes, onward=pending.onward)


def _use_code(person_id: uuid.UUID, form: CodeForm, now: datetime) -> None:
    if not signing_in.use_code(g.db, person_id=person_id, code=form.code.data or "", now=now):
        raise Invalid(fields={"code": say("signin", "This code does not fit, or was used already. Wait for the next one.")})


def _new_hash(form: NewPasswordForm, person_id: uuid.UUID) -> str:
    """The hash of a good new password; nothing is held while it is made. Raises Invalid."""
    new = form.new.data or ""
    if fault := rules.password_fault(new, signing_in.own_words(g.db, person_id)):
        raise Invalid(fields={"new": fault})
    if new != form.again.data:
        raise Invalid(fields={"again": say("signin", "The two are not the same.")})
    g.db.rollback()
    return credentials.hash_password(new)


# ---- the sign-in page --------------------------------------------------------------------------------------------------


WHY_LEFT: Mapping[str, Message] = {
    "signed-out": say("signin", "You have signed out."),
    "idle": say("signin", "You were signed out because nobody worked here for a while. What was saved stays saved: sign in to go on."),
    "long": say("signin", "Twelve hours have passed since you signed in: please sign in again."),
    "elsewhere": say("signin", "You have signed in at another PC, so this one was signed out."),
    "password": say("signin", "The password was changed: please sign in with the new one."),
    "role": say("signin", "Your roles have changed: please sign in again."),
    "half-done": say("signin", "This took too long, or the password has changed in the meantime: please sign in again."),
    "disabled": say("signin", "This sign-in is over. If you cannot sign in again, ask the class manager or your office."),
}


def _sign_in_page(form: Form, refused: DomainError | None = None, seconds: int = 0) -> ResponseReturnValue:
    seat, today = seat_here(), clock.now().date()
    agencies = signing_in.agencies(g.db, seat.country_id if seat else None)
    chosen = None
    if isinstance(form, PinForm):
        ids = {str(agency.id): agency for agency in agencies}
        usual = signing_in.usual_agency(g.db, seat.office_id, today) if seat else None
        wish = form.agency.data or request.args.get("agency") or str(usual)
        chosen = ids.get(wish) or (agencies[0] if agencies else None)
        form.agency.data = str(chosen.id) if chosen else ""
    if isinstance(refused, Invalid):
        form.show(refused)
    asked: signing_in.Neighbours = current_app.extensions["sabaq.neighbours"]
    left = session.get("left")
    page = render_template(
        "people/sign_in.html", form=form, with_pin=isinstance(form, PinForm), seat=seat, agencies=agencies, agency=chosen, called=lambda one: _called(one, agencies),
        choosing=request.args.get("choose") == "agency", refused=refused, seconds=seconds,
        left=WHY_LEFT.get(left["why"]) if left and refused is None else None,
        manager=signing_in.class_manager(g.db, seat.path, today) if seat else None,
        on_now=asked.on_now(g.db, seat.classroom_id, today) if seat else None,
    )
    return _with_status(page, refused)


def _step_page(template: str, form: Form, refused: DomainError | None = None) -> ResponseReturnValue:
    if isinstance(refused, Invalid):
        form.show(refused)
    elif refused is not None:
        form.form_errors.append(i18n.say(refused.message))
    return _with_status(render_template(template, form=form), refused)


def _with_status(page: str, refused: DomainError | None) -> Response:
    response = make_response(page)
    if refused is not None:
        response.status_code = status_of(refused)
    if isinstance(refused, Throttled):
        response.headers["Retry-After"] = str(refused.seconds)
    return response


def _password_form() -> PasswordForm:
    form = PasswordForm() if request.method == "POST" else PasswordForm(next=local_path(request.args.get("next")))
    seat = seat_here()
    agencies = signing_in.agencies(g.db, seat.country_id if seat else None)
    form.agency.choices = [SelectChoice("", "–"), *(SelectChoice(str(agency.id), _called(agency, agencies)) for agency in agencies)]
    return form


def _called(agency: signing_in.AgencyChoice, among: Sequence[signing_in.AgencyChoice]) -> str:
    """An agency's name; with its country where every country has one of that name."""
    several = len({one.country for one in among}) > 1
    return f"{i18n.pick(agency.names)}, {agency.country}" if several else i18n.pick(agency.names)


def _address() -> str:
    return request.remote_addr or ""


def _browser() -> dict[str, str]:
    return {"address": _address(), "browser": request.user_agent.string}


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


# ---- staff's start page ------------------------------------------------------------------------------------------------


# what a section is for: the first line whose action is the reader's, so that no card promises what it does not open
WHAT_FOR: Mapping[str, Sequence[tuple[str, Message]]] = {
    "class": (("class.day", say("start", "Open the class, seat people, start tests, follow the board, print the minutes.")),),
    "runs": (
        ("run.plan", say("start", "Plan a run, put officers on it, hand out the slips, print the result sheet.")),
        ("run.slips", say("start", "Nominate officers, hand out the slips, print the result sheet, close a run.")),
        ("run.nominate", say("start", "Nominate officers, see who takes part, print the result sheet.")),
        ("run.list", say("start", "See the runs, who takes part and with what result.")),
    ),
    "people": (
        ("role.give", say("start", "Find a person, see the training file, register somebody, give roles.")),
        ("person.edit", say("start", "Find a person, see the training file, register somebody or read in a list.")),
        ("person.list", say("start", "Find a person, see the training file.")),
    ),
    "planning": (
        ("session.plan", say("start", "Plan sessions, find trainers and see why they fit, release what is ready.")),
        ("request.make", say("start", "Who of the pool is busy or free, and asking another country for a trainer.")),
        ("session.list", say("start", "Which sessions are planned, when and where, and who teaches them.")),
    ),
    "offices": (("office.list", say("start", "The tree of offices with their classrooms and seats.")),),
    "courses": (
        ("course.preview", say("start", "Read and preview the courses, see what was published and when.")),
        ("course.list", say("start", "See which courses were published and when.")),
    ),
    "exchange": (
        ("intake.do", say("start", "Which class servers were in contact, what came from them, what needs a decision.")),
        ("exchange.see", say("start", "When the class and the centre were last in contact, and what one owes the other.")),
    ),
    "certificates": (
        ("certificate.revoke", say("start", "Issue certificates, print them, look one up in the register, revoke one.")),
        ("certificate.issue", say("start", "Issue certificates, print them, look one up in the register.")),
        ("certificate.list", say("start", "Look a certificate up in the register and print it.")),
    ),
    "reports": (("report.progress", say("start", "Who is trained, who is due: figures by office and course, to print or to take away.")),),
}
ROLE_NAMES: Mapping[Role, Message] = {
    Role.TRAINEE: say("role", "trainee"), Role.CLASS_MANAGER: say("role", "class manager"), Role.TRAINER: say("role", "trainer"),
    Role.AUTHOR: say("role", "author"), Role.REVIEWER: say("role", "reviewer"),
    Role.TRAINING_OFFICER: say("role", "training officer"), Role.REGISTRAR: say("role", "registrar"),
    Role.MANAGER: say("role", "manager"), Role.OPERATOR: say("role", "Situation Center operator"),
    Role.COORDINATOR: say("role", "regional coordinator"), Role.AUDITOR: say("role", "auditor"),
    Role.ADMINISTRATOR: say("role", "administrator"),
}


@bp.get("/start")
@guarded("page.start")
def start() -> ResponseReturnValue:
    """Where staff begin: their sections, and which roles they hold where."""
    paths = {grant.path for grant in me().grants}
    offices = {row.path: row.names for row in g.db.execute(sa.select(Office.path, Office.names).where(Office.path.in_(paths)))}
    mine = runs.visible(scope(actor(), "run.list"), me().person_id)
    current = [(one, can("run.decide", Target(path=one.path))) for one in runs.current(g.db, mine, RUNS_AT_START)] if can("run.list") else []
    what_for = {key: next((text for action, text in texts if can(action)), None) for key, texts in WHAT_FOR.items()}
    classes = class_days.today_of(g.db, scope(actor(), "class.day"), me().person_id, clock.now()) if can("class.day") else []
    return render_template(
        "people/start.html", call=exchange.call(g.db), classes=classes, what_for=what_for, role_names=ROLE_NAMES, offices=offices, seat=seat_here(), current=current, states=STATES,
    )


# ---- own settings ------------------------------------------------------------------------------------------------------


@bp.route("/settings", methods=["GET", "POST"])
@guarded("own.preferences")
def preferences() -> ResponseReturnValue:
    """What a person chose for all his pages; applies at once, at whatever PC he sits."""
    chosen = me().preference
    form = PreferencesForm(
        language=chosen.language or i18n.language(), text_size=chosen.text_size, contrast=chosen.contrast,
        spacing=chosen.spacing, keys=chosen.keys,
    )
    if form.validate_on_submit():
        signing_in.set_preference(
            g.db, person_id=me().person_id,
            settings=Settings(
                str(form.language.data), str(form.text_size.data), str(form.contrast.data), str(form.spacing.data), bool(form.keys.data)
            ),
        )
        with i18n.speaking(str(form.language.data)):
            say_next(say("settings", "Your settings are saved. They hold at every PC where you sign in."))
        return go("people.preferences")
    page = render_template("people/preferences.html", form=form, secrets=signing_in.secrets_of(g.db, me().person_id))
    return _with_status(page, Invalid() if form.errors else None)


@bp.post("/language")
@guarded("page.public")
def choose_language() -> ResponseReturnValue:
    """Another language for all pages; the page stays the same."""
    wish = request.form.get("language", "")
    if wish in LANGUAGES:
        session["language"] = wish
        if found := who():
            signing_in.set_language(g.db, found, wish)
    return redirect(local_path(request.form.get("next")), code=303)


@bp.route("/settings/password", methods=["GET", "POST"])
@guarded("own.preferences")
def change_password() -> ResponseReturnValue:
    """Another password, for whoever knows the one in use. Other sign-ins of his end."""
    secrets, now = signing_in.secrets_of(g.db, me().person_id), clock.now()
    may_have_first = secrets.password_hash is None and not signing_in.is_staff(g.db, me().person_id, now.date())
    form: NewPasswordForm = NewPasswordForm() if may_have_first else ChangePasswordForm()
    if not form.validate_on_submit():
        return _with_status(render_template("people/password.html", form=form, secrets=secrets), Invalid() if form.errors else None)
    try:
        if isinstance(form, ChangePasswordForm):
            _check_own(form.current.data or "", secrets, now)
        stored = _new_hash(form, me().person_id)
        signing_in.set_password(
            g.db, person_id=me().person_id, password_hash=stored, now=now, keep=me().sign_in_id, proof=secrets.proof
        )
    except (Invalid, Throttled) as refused:
        if isinstance(refused, Invalid):
            form.show(refused)
        else:
            form.form_errors.append(i18n.say(refused.message))
        return _with_status(render_template("people/password.html", form=form, secrets=secrets), refused)
    audit("password changed")
    say_next(say("signin", "Your password is changed. Wherever else you were signed in, you are signed out."))
    return go("people.preferences")


def _check_own(password: str, secrets: Secrets, now: datetime) -> None:
    """Whether the person at the keyboard knows the password in use. A wrong one delays the next, as at sign-in."""
    candidate = signing_in.candidate_of(me().person_id, secrets.password_hash)
    tried = signing_in.the_try(g.db, candidate, seat_id=None, address=_address())
    try:
        _check(tried, candidate, password, now)
    except Invalid as refused:
        note(lambda db: _count(db, tried, now))
        audit("password refused")
        raise Invalid(fields={"current": say("signin", "This is not the password in use.")}) from refused


@bp.route("/settings/second-factor", methods=["GET", "POST"])
@guarded("own.preferences")
def second_factor() -> ResponseReturnValue:
    """Set up codes of a telephone app as the second step of a sign-in."""
    secrets, form = signing_in.secrets_of(g.db, me().person_id), CodeForm()
    if secrets.password_hash is None or me().kind == "pin":
        raise Invalid(say("signin", "A second step belongs to a password. Sign in with your password first."))
    nonce = session.get("nonce") or new_token()
    if request.method == "GET":
        session["nonce"] = nonce
    secret = None if secrets.has_secret else credentials.proposed_secret(nonce)
    if not form.validate_on_submit() or secret is None:
        return _second_factor_page(form, secret, secrets, me().person_id)
    try:
        codes = signing_in.set_second_factor(
            g.db, person_id=me().person_id, secret=secret, code=form.code.data or "", now=clock.now()
        )
    except Invalid as refused:
        form.show(refused)
        return _with_status(_second_factor_page(form, secret, secrets, me().person_id), refused)
    session.pop("nonce", None)
    audit("second factor set up")
    return render_template("people/recovery_codes.html", codes=codes, onward=url_for("people.preferences"))


@bp.post("/settings/second-factor/codes")
@guarded("own.preferences")
def new_recovery_codes() -> ResponseReturnValue:
    """New recovery codes, for whoever has the telephone."""
    refused = _code_again()
    if refused is not None:
        return refused
    codes = signing_in.renew_recovery_codes(g.db, person_id=me().person_id)
    audit("recovery codes renewed")
    return render_template("people/recovery_codes.html", codes=codes, onward=url_for("people.preferences"))


@bp.post("/settings/second-factor/remove")
@guarded("own.preferences")
def remove_second_factor() -> ResponseReturnValue:
    """Ask no code any more: before another telephone is set up."""
    refused = _code_again()
    if refused is not None:
        return refused
    signing_in.remove_second_factor(g.db, person_id=me().person_id)
    audit("second factor removed")
    say_next(say("signin", "The second step is removed. Set up another telephone before you sign in again."))
    return go("people.second_factor")


def _code_again() -> ResponseReturnValue | None:
    """Ask for a code before the second factor is touched; the page again when it does not fit."""
    form, now, secrets = CodeForm(), clock.now(), signing_in.secrets_of(g.db, me().person_id)
    if not secrets.has_secret:
        return go("people.second_factor")
    tried = signing_in.the_try(g.db, signing_in.candidate_of(me().person_id), seat_id=None, address=_address())
    try:
        if not form.validate_on_submit():
            raise Invalid()
        signing_in.may_try(g.db, tried, now)
        _use_code(me().person_id, form, now)
    except (Invalid, Throttled) as refused:
        if isinstance(refused, Throttled):
            form.form_errors.append(i18n.say(refused.message))
        elif refused.fields:
            note(lambda db: _count(db, tried, now))
            form.show(refused)
        return _with_status(_second_factor_page(form, None, secrets, me().person_id), refused)
    return None


def _second_factor_page(form: CodeForm, secret: bytes | None, secrets: Secrets, person_id: uuid.UUID) -> str:
    picture = None
    if secret is not None:
        name = secrets.user_name or str(person_id)[:8]
        address = totp.address(secret, account=name, issuer=f"Sabaq {current_app.config['NODE']}")
        picture = segno.make(address, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")
    return render_template(
        "people/second_factor.html", form=form, secrets=secrets, picture=picture, text=totp.as_text(secret) if secret else None,
    )
