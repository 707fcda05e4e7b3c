"""The edge to the web: who asks, the guard before each view, one short transaction a request, errors as pages, headers."""

from __future__ import annotations

import inspect
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, NoReturn
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Flask, Response, current_app, g, jsonify, redirect, render_template, request, session, url_for
from flask_login import LoginManager, UserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from app import clock, disk, i18n
from app.cookies import Cookies, Csrf
from app.db import Database, take_write_lock, transaction
from app.errors import (
    Busy,
    Conflict,
    DomainError,
    Invalid,
    Locked,
    Message,
    NotAllowed,
    NotFound,
    NotSignedIn,
    StorageFailed,
    StorageFull,
    Throttled,
    say,
)
from app.ids import new_id, readable_code, token_hash
from app.people import signing_in
from app.people.queries import Who, who_is
from app.people.rules import Ended
from app.policy import Actor, Target, allowed, anywhere
from app.storage import Trouble, trouble_of
from app.sync.canonical import storable
from app.sync.journal import acts
from app.sync.models import AuditEvent

log = logging.getLogger("sabaq.http")

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
STATUS: dict[type[DomainError], int] = {
    NotSignedIn: 401, NotAllowed: 403, NotFound: 404, Conflict: 409, Invalid: 422, Throttled: 429, Busy: 503, DomainError: 400,
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",  # also signed out: the page before a sign-in has a form in it
}

csrf = Csrf()
logins = LoginManager()

OPEN_WHILE_LOCKED = {"page.public", "own.lock"}

Find = Callable[..., tuple[Any, Target]]


# ---- who asks --------------------------------------------------------------------------------------------------------


class Visitor(UserMixin):
    """What Flask-Login knows of a sign-in: its token, which is what the session cookie holds."""

    def __init__(self, token: str, who: Who) -> None:
        self.token, self.who = token, who

    def get_id(self) -> str:
        """The token; the database has only its hash."""
        return self.token


@logins.user_loader  # type: ignore[untyped-decorator]
def _load(token: str) -> Visitor | None:
    now = clock.now()
    who = who_is(g.db, token_hash(token), now.date())
    if who is None:
        if ended := signing_in.how_it_ended(g.db, token):
            _left(*ended)
        return None
    asked: signing_in.Neighbours = current_app.extensions["sabaq.neighbours"]
    why = signing_in.over(
        who, held=session.get("held"), now=now, has_open_attempt=lambda: asked.has_open_attempt(g.db, who.person_id)
    )
    if why:
        note(lambda db: signing_in.sign_out(db, sign_in_id=who.sign_in_id, now=now, why=why))
        _left(why, who.person_id)
        return None
    if now - who.seen_at >= signing_in.SEEN_EVERY and "X-Sabaq-Poll" not in request.headers:
        note(lambda db: signing_in.saw(db, who.sign_in_id, now))
    return Visitor(token, who)


def _left(why: Ended, whose: uuid.UUID) -> None:
    """The cookie names nobody any more. Its CSRF token stays, so that a form sent now is told why and not just refused."""
    for name in ("_user_id", "_fresh", "_id", "held"):
        session.pop(name, None)
    session["left"] = {"why": why.value, "who": str(whose)}


def who() -> Who | None:
    """Who is signed in; None for nobody."""
    if "db" not in g:
        over: Who | None = g.get("who")  # an error page: the transaction is over, nothing more is read
        return over
    if "who" not in g:
        g.who = None
        visitor = _load(session["_user_id"]) if "_user_id" in session else None
        g.who = visitor.who if visitor else None
        if g.who:
            acts(g.db, g.who.person_id)
            g.pop("language", None)
    found: Who | None = g.who
    return found


def me() -> Who:
    """Who is signed in, in a view that only signed-in people reach."""
    found = who()
    if found is None:
        raise NotSignedIn()
    return found


def actor() -> Actor:
    """Who asks, as the policy knows him."""
    found = who()
    return replace(found.actor, at_class=current_app.config["ROLE"] == "classroom") if found else Actor()


def locked() -> bool:
    """Whether who asks has locked his pages before leaving them alone in the room."""
    found = who()
    return found is not None and found.locked


def can(action: str, target: Target | None = None) -> bool:
    """Whether who asks may do this: for buttons; the page behind asks the same table."""
    return allowed(actor(), action, target)


def guarded(action: str, find: Find | None = None, *, writes_first: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a view run only for whom the policy allows `action`.

    `find(db, **parts of the address)` gives the object and its Target; the view gets the object in place of those
    parts. 401: not signed in. 403: the action is nowhere his. 404: this object is not visible to him.
    `writes_first`: a short view that a whole room asks for at once has its turn to write before it reads anything
    (docs/decisions/0020).
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        parts = [] if find is None else [name for name in inspect.signature(find).parameters if name != "db"]

        @wraps(view)
        def wrapper(**kwargs: Any) -> Any:
            asking = actor()
            if locked() and action not in OPEN_WHILE_LOCKED:
                raise Locked()
            if not anywhere(asking, action):
                raise _not_his(action, asking) if asking.person_id else NotSignedIn()
            refuse_unstorable()
            if find is None:
                return view(**kwargs)
            found, target = find(g.db, **{name: kwargs.pop(name) for name in parts})
            if not allowed(asking, action, target):
                raise NotFound()
            return view(found, **kwargs)

        wrapper.action, wrapper.writes_first = action, writes_first  # type: ignore[attr-defined]
        return wrapper

    return decorate


UNSTORABLE = say("error", "There is a sign in this text that cannot be stored; it came with something copied. Delete what was copied and type it, then send it again.")


def refuse_unstorable() -> None:
    """What one of the databases cannot keep is refused where it is typed, not when it has travelled to another node."""
    if request.url_rule is None:
        return  # there is no such page, which is what will be said
    if request.mimetype == "application/x-www-form-urlencoded":
        given: Any = [*request.form, *(value for values in request.form.listvalues() for value in values)]
    elif request.is_json:
        given = request.get_json(silent=True)
    else:
        return
    if not storable(given):
        raise Invalid(UNSTORABLE)


def _not_his(action: str, asking: Actor) -> NotAllowed:
    """Somebody whose role includes it, but at the centre, is told so."""
    if asking.at_class and anywhere(replace(asking, at_class=False), action):
        return NotAllowed(say("error", "This is decided at the centre. What is decided there comes here with the next exchange."))
    return NotAllowed()


# ---- one short transaction a request -------------------------------------------------------------------------------


def in_transaction(view: Callable[..., Any], database: Database) -> Callable[..., Any]:
    """Commit if the view returns, roll back if it raises. A GET reads only. Notes are written afterwards, either way."""

    @wraps(view)
    def wrapper(**kwargs: Any) -> Response:
        g.notes, g.after_commit = [], []
        try:
            with database.sessions() as db:
                g.db = db
                if not hasattr(view, "action"):
                    raise NotAllowed()
                if getattr(view, "writes_first", False):
                    _take_turn(db)
                _refuse_files_without_room()
                response = current_app.make_response(view(**kwargs))
                if request.method in SAFE_METHODS:
                    db.rollback()
                else:
                    db.commit()
        except NotAllowed:
            audit("refused", about=request.path)
            raise
        finally:
            g.pop("db", None)
            _write_notes(database)
        for task in g.after_commit:
            task()
        return response

    return wrapper


def _take_turn(db: Session) -> None:
    try:
        take_write_lock(db)
    except DomainError:
        who()  # in whose language it is said
        raise


def _refuse_files_without_room() -> None:
    """Files stop before answers do."""
    if request.mimetype == "multipart/form-data" and any(sent.filename for sent in request.files.values()):
        disk.refuse_files(current_app.config["FOLDER"])


def note(write: Callable[[Session], None]) -> None:
    """Write something after the request's own transaction, and even when that was rolled back.

    For telemetry and audit only (failed sign-ins, refusals, last seen); facts belong to the transaction.
    """
    g.notes.append(write)


def after_commit(task: Callable[[], None]) -> None:
    """Do something slow or visible from outside once the transaction is safely stored."""
    g.after_commit.append(task)


def audit(what: str, about: str = "", **detail: Any) -> None:
    """Note an audit event of who asks."""
    found = g.get("who")
    event = AuditEvent(
        id=new_id(), at=clock.now(), actor_id=found.person_id if found else None, what=what, about=about, detail=detail,
    )
    note(lambda db: db.add(event))


def _write_notes(database: Database) -> None:
    if not g.notes:
        return
    try:
        with transaction(database.sessions) as db:
            take_write_lock(db)
            for write in g.notes:
                write(db)
    except (sa.exc.SQLAlchemyError, Busy):
        log.exception("notes of %s were not written", request.path)


# ---- errors ----------------------------------------------------------------------------------------------------------


def wants_json() -> bool:
    """Whether a script of ours asks."""
    return request.is_json or request.accept_mimetypes.best == "application/json"


def status_of(error: DomainError) -> int:
    """The HTTP status of a domain error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _answer(message: Message, status: int, error: DomainError | None = None) -> Response:
    reference = readable_code(6)
    log.log(logging.ERROR if status >= 500 else logging.INFO, "%s %s %s: %s", reference, status, request.path, message.text)
    if wants_json():
        body: dict[str, Any] = {"error": i18n.say(message), "kind": type(error).__name__ if error else "", "reference": reference}
        if isinstance(error, Invalid):
            body["fields"] = {name: i18n.say(text) for name, text in error.fields.items()}
        response = jsonify(body)
    else:
        saved = request.method in SAFE_METHODS
        response = current_app.make_response(
            render_template("errors/refused.html", message=message, status=status, reference=reference, nothing_to_save=saved)
        )
    response.status_code = status
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def _domain_error(error: DomainError) -> Response:
    if isinstance(error, NotSignedIn) and not wants_json() and request.method in SAFE_METHODS:
        if isinstance(error, Locked):
            return redirect(url_for("classday.locked", next=local_path(request.full_path.rstrip("?"))))  # type: ignore[return-value]
        return redirect(url_for("people.sign_in", next=local_path(request.full_path.rstrip("?"))))  # type: ignore[return-value]
    return _answer(error.message, status_of(error), error)


def _database_error(error: sa.exc.DBAPIError) -> Response:
    log.error("database: %s", error.orig)
    found = trouble_of(error.orig) if error.orig else None
    if found:
        refusal = StorageFull() if found is Trouble.FULL else StorageFailed()
        return _answer(refusal.message, 503, refusal)
    if isinstance(error, sa.exc.OperationalError):
        return _answer(Busy.message, 503, Busy())
    return _unknown_error(error)


def _csrf_error(_error: CSRFError) -> Response:
    return _answer(
        say("error", "This form was opened before you signed in or is too old. Nothing was saved: go back, reload the page, send it again."), 400
    )


def _http_error(error: HTTPException) -> Response:
    texts = {
        404: NotFound.message,
        405: say("error", "This address does not take that kind of request."),
        413: say("error", "The file is too large."),
    }
    return _answer(texts.get(error.code or 500, DomainError.message), error.code or 500)


def _nowhere(database: Database) -> Response:
    """An address that no view has: refused like any other page, with the reader's own header and language."""

    @guarded("page.public")
    def lost() -> NoReturn:
        raise NotFound()

    try:
        answer: Response = in_transaction(lost, database)()
        return answer
    except NotFound as error:
        return _domain_error(error)


def _unknown_error(error: Exception) -> Response:
    if current_app.testing:
        raise error
    log.exception("unexpected")
    return _answer(say("error", "Something went wrong on the server. It has been noted under the reference below."), 500)


def file_name(response: Response) -> str:
    """The name under which a response wants to be kept; empty for a page."""
    _, options = parse_options_header(response.headers.get("Content-Disposition"))
    return options.get("filename", "")


def local_path(path: str | None) -> str:
    """A path of this site, for going on after sign-in; the start page for anything else."""
    parts = urlsplit(path or "/")
    local = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not (path or "").startswith(("//", "/\\"))
    return path if path and local and "\\" not in path and not any(ord(c) < 32 for c in path) else "/"


def go(endpoint: str, **values: Any) -> Response:
    """Send the browser to another page after a form was taken (303: a reload sends nothing twice)."""
    return redirect(url_for(endpoint, **values), code=303)  # type: ignore[return-value]


def outside(path: str) -> str:
    """The address of a page of ours as another device reaches it: the one that is set up, else the one that was asked for."""
    known: str = current_app.extensions["sabaq.config"].PUBLIC_URL
    return (known or request.host_url).rstrip("/") + path


def say_next(message: Message, kind: str = "ok") -> None:
    """A sentence that the next page shows once: what was done."""
    session["said"] = [*session.get("said", []), {"kind": kind, "text": i18n.say(message)}][-3:]


def _said() -> list[dict[str, str]]:
    return session.pop("said", []) if "said" in session else []


# ---- set-up ----------------------------------------------------------------------------------------------------------


def _headers(response: Response) -> Response:
    known = {name.lower() for name, _ in response.headers}
    for name, value in HEADERS.items():
        if name.lower() not in known:
            response.headers.add(name, value)
    return response


def install(app: Flask, database: Database, neighbours: signing_in.Neighbours | None = None) -> None:
    """Wrap every view that is registered so far; therefore the last line of create_app."""
    app.config.update(
        SESSION_COOKIE_NAME=app.config["COOKIE"], SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=app.config["PUBLIC"].startswith("https:"), WTF_CSRF_TIME_LIMIT=None,
        MAX_CONTENT_LENGTH=32 * 1024 * 1024, MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
    )
    app.extensions["sabaq.database"] = database
    app.extensions["sabaq.neighbours"] = neighbours or signing_in.Neighbours()
    app.session_interface = Cookies(app)
    csrf.init_app(app)
    logins.init_app(app, add_context_processor=False)  # it would read the database on error pages; ours is who()
    logins.session_protection = None  # the token is random and its row can be ended; addresses change behind NAT
    for name, view in app.view_functions.items():
        if name not in UNWRAPPED:
            app.view_functions[name] = in_transaction(view, database)
    app.after_request(_headers)
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(sa.exc.DBAPIError, _database_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(404, lambda _error: _nowhere(database))
    app.register_error_handler(Exception, _unknown_error)
    app.jinja_env.globals.update(
        can=can, who=who, locked=locked, said=_said, storage_trouble=lambda: database.storage and database.storage.trouble,
        disk=lambda: disk.look(app.config["FOLDER"]),
    )


UNWRAPPED = {"ops.healthz", "ops.version"}  # answer without the database
