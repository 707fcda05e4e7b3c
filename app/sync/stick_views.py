"""Pages of the stick: handing the week to the courier, a stick that has arrived, bundles as files through the browser, receipt sheets."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

import sqlalchemy as sa
from flask import Blueprint, current_app, g, jsonify, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from app import clock, i18n, lists, pdf
from app.courses.models import CourseVersion
from app.errors import DomainError, Invalid, Message, NotFound, say
from app.http import audit, can, go, guarded, me, say_next, status_of
from app.ids import new_token
from app.offices.models import Office
from app.ops import background
from app.people.models import Person
from app.policy import Target
from app.sync import courier, keys, queries, receipts, room, second_journal, stick, stick_job, wording
from app.sync.courier import Arrived, Here, Made
from app.sync.models import Exchange, Node, StoredReceipt
from app.sync.staging import Place
from app.sync.stick import Stick
from config import Config

bp = Blueprint("stick", __name__)

DO, SEE = "exchange.do", "exchange.see"
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
LARGEST_PIECE = 8 * 1024 * 1024  # of an upload in pieces
LARGEST_UPLOAD = 250 * 1024 * 1024  # of one sent whole, without script: the server keeps all of it before it knows who sends it


def here() -> Here:
    """This node, as the verbs of the courier want it."""
    config = cast(Config, current_app.extensions["sabaq.config"])
    return Here(current_app.extensions["sabaq.database"], config, keys.load_or_make(config.folder))


def size_of(size: int) -> str:
    """Bytes in the unit that a person thinks in, rounded up."""
    if size < 1_000_000:
        return i18n.t("stick", "{n} KB", n=max(1, -(-size // 1000)))
    if size < 10_000_000_000:
        return i18n.t("stick", "{n} MB", n=-(-size // 1_000_000))
    return i18n.t("stick", "{n} GB", n=size // 1_000_000_000)


def at_centre() -> bool:
    """Whether this is the centre's own node."""
    return bool(current_app.config["ROLE"] == "centre")


# ---- whose it is -----------------------------------------------------------------------------------------------------


def target_of(db: Session, peer: str) -> Target:
    """Rights over an exchange go by the class server's office: the peer's at the centre, the own one on a class server."""
    code = peer if at_centre() else current_app.config["NODE"]
    path = db.scalar(sa.select(Office.path).join(Node, Node.office_id == Office.id).where(Node.code == code))
    if path is None:  # a bundle of nobody that is known, or a list of nodes that has not come yet: this node's own matter
        path = db.scalar(sa.select(Office.path).join(Node, Node.office_id == Office.id).where(Node.code == current_app.config["NODE"]))
    return Target(path=path or db.scalar(sa.select(Office.path).order_by(sa.func.length(Office.path), Office.path).limit(1)))


def exchange_at(db: Session, exchange_id: uuid.UUID) -> tuple[Exchange, Target]:
    """An exchange of the address."""
    line = db.get(Exchange, exchange_id)
    if line is None:
        raise NotFound()
    return line, target_of(db, line.peer)


@dataclass(frozen=True)
class Receiver:
    """Somebody a stick can be written for."""

    code: str
    title: str


def _receivers() -> list[Receiver]:
    """At the centre its class servers, as far as they are the reader's; on a class server the centre."""
    if at_centre():
        return [Receiver(node.code, node.title) for node in courier.class_servers(g.db) if can(DO, target_of(g.db, node.code))]
    try:
        code = courier.centre_of(here())
    except DomainError:
        return []
    return [Receiver(code, queries.titles(g.db).get(code, code))] if can(DO, target_of(g.db, code)) else []


def _receiver(code: str) -> Receiver:
    for one in _receivers():
        if one.code == code:
            return one
    raise NotFound()


def _sticks() -> list[Stick]:
    return stick.sticks(current_app.config["STICK"])


# ---- the page --------------------------------------------------------------------------------------------------------


@bp.get("/exchange/stick")
@guarded(DO)
def index() -> ResponseReturnValue:
    """Hand the week to the courier; read in what came back."""
    return _index()


def _index(error: Message | None = None) -> str:
    receivers, own = _receivers(), str(current_app.config["NODE"])
    chosen = request.values.get("to", "")
    only = receivers[0].code if len(receivers) == 1 else chosen if chosen in {one.code for one in receivers} else ""
    owed = courier.owed(g.db, own, only) if only and not at_centre() else None
    kept = second_journal.state(Path(current_app.config["FOLDER"]))
    return render_template(
        "sync/stick.html", receivers=receivers, chosen=only, sticks=_sticks(), centre=at_centre(), error=error, token=new_token(192),
        owed=owed, carried=wording.in_words(owed.tables) if owed else [], last=_last_out(only) if only else None, size_of=size_of,
        journal=second_journal.in_words(kept, clock.now()) if kept.folder else None, journal_late=kept.late(clock.now()),
    )


@dataclass(frozen=True)
class LastOut:
    """The newest bundle that went to a peer by hand, and whether the peer has confirmed it."""

    line: Exchange
    confirmed: bool


def _last_out(peer: str) -> LastOut | None:
    line = g.db.scalars(
        sa.select(Exchange).where(Exchange.peer == peer, Exchange.direction == "out", Exchange.way == courier.WAY, Exchange.state == "sent")
        .order_by(Exchange.place.desc()).limit(1)
    ).first()
    return LastOut(line, courier.confirmed(g.db, here().config.NODE, line)) if line else None


# ---- out -------------------------------------------------------------------------------------------------------------


@bp.post("/exchange/stick/write")
@guarded(DO)
def write() -> ResponseReturnValue:
    """Have a bundle made: on a stick in this server, or as a file for the stick in the reader's PC."""
    onto = None
    try:
        if not request.form.get("to"):
            raise Invalid(say("stick", "Choose for whom the stick is."))
        to = _receiver(request.form["to"])
        if where := request.form.get("stick", ""):
            onto = stick.stick_at(where, current_app.config["STICK"])
            owed = courier.owed(g.db, str(current_app.config["NODE"]), to.code)
            stick.refuse_without_room(onto, owed.size)
    except Invalid as error:
        return _index(error.message), status_of(error)
    job = background.ask(
        g.db, kind="stick-write", params=stick_job.params_to_write(to=to.code, title=to.title, onto=onto), person_id=me().person_id,
        language=i18n.language(), now=clock.now(),
    )
    audit("bundle.made", about=to.code, job=str(job.id))
    return go("jobs.page", job_id=job.id)


def _file(line: Exchange) -> Made:
    return courier.waiting_file(here(), line)


@bp.get("/exchange/stick/files/<uuid:exchange_id>")
@guarded(DO, exchange_at)
def file(line: Exchange) -> ResponseReturnValue:
    """A bundle that waits as a file: download it, compare the copy, say that it has left."""
    return render_template("sync/stick_file.html", line=line, made=_file(line), title=queries.titles(g.db).get(line.peer, line.peer), size_of=size_of)


@bp.get("/exchange/stick/files/<uuid:exchange_id>/bundle")
@guarded(DO, exchange_at)
def download(line: Exchange) -> ResponseReturnValue:
    """The file itself; parts of it for the comparison."""
    made = _file(line)
    answer = send_file(made.path, mimetype="application/octet-stream", as_attachment=True, download_name=made.name, conditional=True, etag=made.sha256)
    answer.headers["Cache-Control"] = "no-store"  # Flask would say no-cache; nothing of it stays in a browser of the class
    return answer


@bp.post("/exchange/stick/files/<uuid:exchange_id>/left")
@guarded(DO, exchange_at)
def left(line: Exchange) -> ResponseReturnValue:
    """It is on the stick, says whoever copied it."""
    courier.mark_left(g.db, line, now=clock.now())
    say_next(say("stick", "Noted: the stick is on its way. Print the receipt sheet and hand both to the courier."))
    return go("stick.file", exchange_id=line.id)


# ---- in --------------------------------------------------------------------------------------------------------------


class UploadGone(Invalid):
    message = say("stick", "This file is no longer here: it was taken, or it did not arrive whole. Send it again.")


@dataclass(frozen=True)
class Source:
    """Where bundles were found: on a stick in this server, or in a file that the browser sent."""

    name: str
    stick: Stick | None = None
    token: str = ""
    found: tuple[Arrived, ...] = ()

    @property
    def useful(self) -> list[Arrived]:
        """Those that there is sense in taking."""
        return [one for one in self.found if one.useful]


def _may_take(one: Arrived) -> bool:
    return one.ready and can(DO, target_of(g.db, one.sender))


@bp.get("/exchange/stick/arrived")
@guarded(DO)
def arrived() -> ResponseReturnValue:
    """What is on a stick, before anything is taken."""
    try:
        source = _on_stick(request.args.get("stick", ""))
    except DomainError as error:
        return _index(error.message), status_of(error)
    return _arrived(source)


def _on_stick(path: str) -> Source:
    chosen = stick.stick_at(path, current_app.config["STICK"])
    return Source(chosen.name, stick=chosen, found=tuple(courier.look(here(), stick.files(chosen.path))))


def _uploaded(token: str) -> Source:
    place = _place(token)
    part = place.part()
    if part is None or not part.whole:
        raise UploadGone()
    return Source(i18n.t("stick", "the file that was sent"), token=token, found=tuple(courier.look(here(), [place.path])))


def _arrived(source: Source, error: Message | None = None) -> str:
    names = queries.titles(g.db)
    shown = tuple(replace(one, wrong=wording.with_titles(one.wrong, names)) if one.wrong else one for one in source.found)
    return render_template(
        "sync/arrived.html", source=replace(source, found=shown), titles=names, may_take=_may_take, error=error, centre=at_centre(), size_of=size_of,
        own=current_app.config["NODE"],
    )


@bp.post("/exchange/stick/take")
@guarded(DO)
def take() -> ResponseReturnValue:
    """Have the chosen bundles taken; at the centre the answer is written in the same go."""
    token = request.form.get("token", "")
    try:
        source = _uploaded(token) if token else _on_stick(request.form.get("stick", ""))
    except DomainError as error:
        return _index(error.message), status_of(error)
    chosen = [one for one in source.found if one.bundle in request.form.getlist("bundle") and _may_take(one)]
    if not chosen:
        wrong = Invalid(say("stick", "Choose at least one bundle that can be taken."))
        return _arrived(source, wrong.message), status_of(wrong)
    titles = queries.titles(g.db)
    senders = dict.fromkeys(titles.get(one.sender, one.sender) for one in chosen)
    job = background.ask(
        g.db, kind="stick-take", person_id=me().person_id, language=i18n.language(), now=clock.now(),
        params=stick_job.params_to_take(
            paths=[one.path for one in chosen], name=", ".join(senders), onto=source.stick,
            upload=stick_job.mine(me().person_id, token) if token else "",
        ),
    )
    audit("bundle.taken", about=", ".join(dict.fromkeys(one.sender for one in chosen)), bundles=[one.bundle for one in chosen], job=str(job.id))
    return go("jobs.page", job_id=job.id)


# ---- through the browser ---------------------------------------------------------------------------------------------


@bp.before_app_request
def _allow_large() -> None:
    """A bundle may be larger than what forms may send; it is read in pieces and kept on the disk."""
    if request.endpoint == "stick.upload":
        request.max_content_length = LARGEST_PIECE if request.mimetype == "application/octet-stream" else LARGEST_UPLOAD


def _place(token: str) -> Place:
    """Where the reader's own upload of this token is kept."""
    if not TOKEN.fullmatch(token):
        raise UploadGone()
    return courier.upload(here().config.folder, stick_job.mine(me().person_id, token))


@bp.post("/exchange/stick/upload")
@guarded(DO)
def upload() -> ResponseReturnValue:
    """A bundle from the stick in the reader's PC: whole in a form, or piece by piece by the script, which shows how far it is."""
    if request.mimetype == "application/octet-stream":
        return _piece()
    sent = request.files.get("file")
    if not isinstance(sent, FileStorage) or not sent.filename:
        error = Invalid(say("stick", "Choose the file on your stick: it lies in the folder SABAQ and ends with .sabaq."))
        return _index(error.message), status_of(error)
    token = new_token(192)
    courier.drop_old_uploads(here().config.folder, me().person_id.hex, now=clock.now())
    place = _place(token)
    size = sent.seek(0, 2) or sent.stream.tell()
    sent.seek(0)
    try:
        place.expect(token, size, "")
        offset = 0
        while piece := sent.read(1024 * 1024):
            place.add(token, offset, piece)
            offset += len(piece)
    except room.NoRoom as error:
        return _index(error.message), status_of(error)
    return go("stick.uploaded", token=token)


def _piece() -> ResponseReturnValue:
    token, offset, size = request.args.get("token", ""), request.args.get("offset", -1, type=int), request.args.get("size", -1, type=int)
    if not TOKEN.fullmatch(token) or not 0 <= offset <= size <= 1 << 40:
        raise Invalid(say("stick", "This piece of a file cannot be placed. Load the page again and choose the file anew."))
    if offset == 0:
        courier.drop_old_uploads(here().config.folder, me().person_id.hex, now=clock.now())
    place = _place(token)
    part = place.expect(token, size, "")
    if offset == part.offset:
        part = place.add(token, offset, request.get_data())
    # Another offset: a piece whose answer was lost. The script is told where it stands and goes on from there.
    return jsonify(offset=part.offset, page=url_for("stick.uploaded", token=token))


@bp.get("/exchange/stick/uploads/<token>")
@guarded(DO)
def uploaded(token: str) -> ResponseReturnValue:
    """What is in the file that was sent, before anything is taken."""
    try:
        return _arrived(_uploaded(token))
    except UploadGone as error:
        say_next(error.message, kind="warn")
        return go("stick.index")


# ---- what came of it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """An exchange as the page and the paper tell it."""

    line: Exchange
    title: str  # of the peer
    carried: list[str]
    refused: list[tuple[int, Message]]
    receipt: StoredReceipt | None = None
    waiting: bool = False  # as a file to be downloaded
    by: str = ""
    said: Message | None = None  # what it came to, in a sentence
    made_at: datetime | None = None  # by the sender's clock


def outcome_of(db: Session, line: Exchange, titles: dict[str, str], *, files: bool = False) -> Outcome:
    """All that is known of one exchange."""
    held = line.counts.get("held") or {}
    receipt = None
    if line.direction == "in" and line.bundle:
        receipt = next(
            (row for row in db.scalars(
                sa.select(StoredReceipt).where(StoredReceipt.by == current_app.config["NODE"], StoredReceipt.about == line.peer)
                .order_by(StoredReceipt.place.desc()).limit(50)
            ) if row.statement.get("bundle") == line.bundle), None,
        )
    waiting = False
    if files and line.direction == "out" and line.state == "made":
        try:
            _file(line)
            waiting = True
        except NotFound:
            pass
    made_at = (line.statement or {}).get("made_at")
    return Outcome(
        line, titles.get(line.peer, line.peer), wording.in_words(line.counts.get("tables") or {}),
        [(int(count), wording.REASONS[why]) for why, count in held.items() if why in wording.REASONS and count], receipt, waiting,
        (db.scalar(sa.select(Person.display_name).where(Person.id == line.by_id)) or "") if line.by_id else "",
        wording.with_titles(background.message(line.said), titles) if line.said else None, datetime.fromisoformat(made_at) if made_at else None,
    )


@bp.get("/exchange/stick/outcome")
@guarded(DO)
def outcome() -> ResponseReturnValue:
    """What came of a stick: each bundle that was taken or refused, and the answers."""
    after, until = request.args.get("after", 0, type=int), request.args.get("until", 0, type=int)
    rows = g.db.scalars(
        sa.select(Exchange).where(Exchange.place > after, Exchange.place <= min(until, after + 200), Exchange.way == courier.WAY).order_by(Exchange.place)
    ).all()
    titles = queries.titles(g.db)
    shown = [outcome_of(g.db, row, titles, files=True) for row in rows if can(DO, target_of(g.db, row.peer))]
    if not shown:
        return go("stick.index")
    return render_template("sync/outcome.html", outcomes=shown, titles=titles, centre=at_centre(), courses=[] if at_centre() else _courses())


def _courses() -> list[str]:
    """Titles of the courses that are here: what a class manager looks for after reading a stick in."""
    newest: dict[uuid.UUID, str] = {}
    for version in g.db.scalars(sa.select(CourseVersion).order_by(CourseVersion.number)):
        newest[version.course_id] = i18n.pick(version.titles)
    return sorted(newest.values())


# ---- paper -----------------------------------------------------------------------------------------------------------


@bp.get("/exchange/stick/papers/<uuid:exchange_id>")
@guarded(SEE, exchange_at)
def paper(line: Exchange) -> ResponseReturnValue:
    """The receipt sheet of an exchange: what was handed over, or what came and what became of it."""
    titles = queries.titles(g.db)
    own = str(current_app.config["NODE"])
    told = outcome_of(g.db, line, titles)
    receipt = receipts.stored(told.receipt) if told.receipt else None
    data = pdf.paper(
        "sync/paper_stick.html", language=i18n.language(), title=i18n.t("stick", "Receipt sheet {number}", number=f"{line.place:06d}"),
        told=told, line=line, titles=titles, own_title=titles.get(own, own), receipt=receipt, short=f"{line.counts.get('sha256', '')[:16]}",
        now=clock.now(), by=me().name, zone=i18n.viewer_zone(), size_of=size_of,
    )
    return lists.attachment(data, f"stick-{line.place:06d}.pdf", inline=True)

