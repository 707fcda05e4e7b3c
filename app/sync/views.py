"""The exchange pages: at the centre all class servers and each of them, at a class server its centre; receipts; alarms looked into."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, current_app, g, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from app import clock, errors, i18n, lists
from app.errors import DomainError, Invalid, Message, NotFound, say
from app.forms import Form
from app.http import audit, can, go, guarded, me, say_next, status_of
from app.offices.models import Classroom, Office
from app.ops import background
from app.ops.models import Heartbeat
from app.policy import Target
from app.sync import contact, intake, queries, staging, trust, wish, wording
from app.sync.models import Exchange, Node, StoredReceipt
from app.sync.queries import Sight
from app.sync.rules import (
    Alarm,
    Deed,
    Facts,
    Next,
    Period,
    Standing,
    alarms,
    next_at_centre,
    next_at_class,
    period_of,
    standing,
)
from app.sync.staging import Staging

bp = Blueprint("exchange", __name__)
line_bp = Blueprint("line", __name__)  # of a class server alone

label: Any = errors.say  # WTForms takes labels for text: the page says them in its language
WORST_FIRST = (Standing.SILENT, Standing.LATE, Standing.NEVER, Standing.REVOKED, Standing.ON_TIME, Standing.INVITED)


class LookForm(Form):
    """What was found when an alarm was looked into."""

    reason = TextAreaField(label("exchange", "What you found, and with whom you spoke"), [DataRequired(), Length(max=1000)], render_kw={"rows": "2"})


def is_class_server() -> bool:
    """Whether this node is a class server."""
    return bool(current_app.config["ROLE"] == "classroom")


def own_code() -> str:
    """The name of this node."""
    return str(current_app.config["NODE"])


# ---- what a line of the list says ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A class server in the list."""

    sight: Sight
    period: Period

    @property
    def node(self) -> Node:
        """The class server."""
        return self.sight.node

    @property
    def facts(self) -> Facts:
        """What stored rows say of it."""
        return self.sight.facts

    @property
    def standing(self) -> Standing:
        """How it stands."""
        return standing(state=self.node.state, exchanged_at=self.facts.contacts.heard, now=self.facts.now, period=self.period)

    @property
    def alarms(self) -> list[Alarm]:
        """Which alarms hold."""
        return alarms(self.facts)

    @property
    def next(self) -> Next:
        """What to do now."""
        return next_at_centre(self.facts, self.period)

    @property
    def urgency(self) -> tuple[Any, ...]:
        """The order in which lines ask for a person."""
        return (not self.next.urgent, WORST_FIRST.index(self.standing), self.facts.contacts.exchanged or LONG_AGO, self.node.title)


SHOWN = 50  # exchanges of one peer
SILENT = timedelta(seconds=60)  # without a sign of life of the job process
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def line_of(sight: Sight) -> Line:
    """A class server as a line."""
    return Line(sight, period_of(sight.room.line if sight.room else ""))


def drift_words(drift: timedelta | None) -> str:
    """How wrong a clock is, in words."""
    if drift is None:
        return ""
    seconds = abs(int(drift.total_seconds()))
    if seconds < 60:
        return i18n.t("exchange", "right")
    span = span_words(seconds)
    return i18n.t("exchange", "{span} ahead", span=span) if drift > timedelta(0) else i18n.t("exchange", "{span} behind", span=span)


def span_words(seconds: int) -> str:
    """A length of time in its largest unit."""
    if seconds < 3600:
        return i18n.nt("exchange", "{n} minute", "{n} minutes", max(1, seconds // 60))
    if seconds < 2 * 86400:
        return i18n.nt("exchange", "{n} hour", "{n} hours", seconds // 3600)
    return i18n.nt("exchange", "{n} day", "{n} days", seconds // 86400)


def size_words(size: int) -> str:
    """Bytes as people read them."""
    if size < 1_000_000:
        return i18n.t("stick", "{n} KB", n=i18n.number(max(1, round(size / 1000))))
    return i18n.t("exchange", "{n} MB", n=i18n.number(round(size / 1_000_000, 1), 1))


def _version(line: Line) -> str:
    sight = line.sight
    if sight.version_held is None:
        return i18n.t("exchange", "none yet")
    made = sight.version_made.number if sight.version_made else sight.version_held.number
    return i18n.t("exchange", "{held} of {made}", held=sight.version_held.number, made=made)


def _owed_by(line: Line) -> Any:
    return line.facts.owed_here.entries if line.sight.statement else None


LISTING = lists.Listing(
    name="exchange",
    title=say("exchange", "Exchange with class servers"),
    columns=(
        lists.Column("title", say("exchange", "Class server"), value=lambda line: line.node.title, sort=True, always=True),
        lists.Column("office", say("exchange", "Office"), value=lambda line: i18n.pick(line.sight.office.names), sort=True, shown=False),
        lists.Column("state", say("exchange", "State"), value=lambda line: wording.STANDINGS[line.standing], sort=True),
        lists.Column("exchanged", say("exchange", "Last exchange"), "moment", value=lambda line: line.facts.contacts.exchanged, sort=True),
        lists.Column("way", say("exchange", "By which way"), value=lambda line: wording.WAYS[line.facts.contacts.way] if line.facts.contacts.way else "", shown=False),
        lists.Column("reached", say("exchange", "Line answered"), "moment", value=lambda line: line.facts.contacts.reached, sort=True, shown=False),
        lists.Column("stick", say("exchange", "Last stick"), "moment", value=lambda line: line.facts.contacts.by_stick, sort=True, shown=False),
        lists.Column("trained", say("exchange", "Last training"), "moment", value=lambda line: line.facts.contacts.trained, sort=True),
        lists.Column("owed_by", say("exchange", "It owes"), "int", value=_owed_by, shown=False),
        lists.Column("owed_to", say("exchange", "It lacks"), "int", value=lambda line: line.facts.owed_there.entries, sort=True, shown=False),
        lists.Column("version", say("exchange", "Version held"), value=_version),
        lists.Column("release", say("exchange", "Program"), value=lambda line: line.sight.release, sort=True, shown=False),
        lists.Column("schema", say("exchange", "Tables"), value=lambda line: line.sight.schema, shown=False),
        lists.Column("drift", say("exchange", "Clock"), value=lambda line: drift_words(line.facts.drift), shown=False),
        lists.Column("disk", say("exchange", "Disk free"), "percent", value=lambda line: _percent(line.facts.disk_free), sort=True, shown=False),
        lists.Column("alarms", say("exchange", "Alarms"), value=lambda line: ", ".join(i18n.say(wording.ALARMS[one]) for one in line.alarms)),
        lists.Column("next", say("exchange", "What to do"), value=lambda line: line.next.text, sort=True),
    ),
    sort="next",
    filters=(
        lists.Filter("q", say("exchange", "Name"), "search"),
        lists.Filter("state", say("exchange", "State"), options=tuple(wording.STANDINGS.items())),
        lists.Filter("alarm", say("exchange", "Alarm"), options=tuple(wording.ALARMS.items())),
    ),
)
ORDER: dict[str, Callable[[Line], Any]] = {
    "title": lambda line: line.node.title, "office": lambda line: line.sight.office.path if line.sight.office else "",
    "state": lambda line: WORST_FIRST.index(line.standing), "exchanged": lambda line: line.facts.contacts.exchanged or LONG_AGO,
    "reached": lambda line: line.facts.contacts.reached or LONG_AGO, "stick": lambda line: line.facts.contacts.by_stick or LONG_AGO,
    "trained": lambda line: line.facts.contacts.trained or LONG_AGO, "owed_to": lambda line: line.facts.owed_there.entries,
    "release": lambda line: line.sight.release, "disk": lambda line: -1 if line.facts.disk_free is None else line.facts.disk_free,
    "next": lambda line: line.urgency,
}


def _percent(value: int | None) -> float | None:
    return None if value is None else value / 100


# ---- the list, or the one centre -------------------------------------------------------------------------------------


@bp.get("/exchange")
@guarded("exchange.see")
def index() -> ResponseReturnValue:
    """At the centre: its class servers. At a class server: its centre."""
    if is_class_server():
        return _centre_page()
    view = lists.asked(LISTING)
    lines = lines_here(g.db)
    if words := view.value("q").casefold():
        lines = [line for line in lines if words in f"{line.node.title} {line.node.code} {i18n.pick(line.sight.office.names) if line.sight.office else ''}".casefold()]
    counts = {state: sum(line.standing is state for line in lines) for state in Standing}
    if view.value("state"):
        lines = [line for line in lines if line.standing == view.value("state")]
    if view.value("alarm"):
        lines = [line for line in lines if view.value("alarm") in line.alarms]
    lists.show(view, sorted(lines, key=lambda line: (ORDER[view.sort_key](line), line.node.code), reverse=view.down))
    return lists.export(view) or render_template(
        "sync/exchange.html", view=view, counts=counts, shapes=wording.STANDING_SHAPES, standings=wording.STANDINGS, alarm_words=wording.ALARMS,
        ways=wording.WAYS, address=address_of, may_read_nodes=can("node.read") and "nodes.index" in current_app.view_functions,
        may_invite=can("node.keep") and "nodes.invite" in current_app.view_functions
    )


def lines_here(db: Session) -> list[Line]:
    """The class servers of the reader's offices, as lines."""
    rows = db.execute(queries.class_servers(lists.scoped(Office.path, "exchange.see")).order_by(Node.title, Node.code)).all()
    return [line_of(sight) for sight in queries.sights(db, [(node, office, room) for node, office, room in rows], clock.now())]


@bp.app_template_global("exchange_tabs")
def tabs() -> list[tuple[str, str, Message]]:
    """The pages of the section that who asks may open: key, address, words."""
    found = [("exchange", url_for("exchange.index"), say("exchange", "Exchange"))]
    if can("exchange.do"):
        found.append(("stick", url_for("stick.index"), say("exchange", "Sticks")))
    if not is_class_server():
        if can("intake.do"):
            found.append(("intake", url_for("intake.index"), say("exchange", "Intake desk")))
        if can("person.merge"):
            found.append(("doubles", url_for("merging.doubles"), say("merge", "Doubles")))
        if can("node.read") and "nodes.index" in current_app.view_functions:
            found.append(("nodes", url_for("nodes.index"), say("node", "Class servers")))
    return found


def address_of(deed: Deed, node: Node | None) -> str:
    """Where the button of a next action leads; empty where this node has no such page or the reader may not open it."""
    pages = current_app.view_functions
    if deed in (Deed.WRITE, Deed.TAKE):
        if not can("exchange.do"):
            return ""
        to = node.code if node is not None and deed is Deed.WRITE and not is_class_server() else None
        return url_for("stick.index", to=to, _anchor="write" if deed is Deed.WRITE else "arrived")
    if deed is Deed.JOIN:
        return url_for("joining.index")
    if node is None:
        return ""
    if deed is Deed.NODE:
        return url_for("nodes.node", node_id=node.id) if "nodes.node" in pages and can("node.read") else ""
    if deed is Deed.INTAKE:
        return url_for("intake.index", node=node.code) if can("intake.do") else ""
    if deed is Deed.LOOK:
        return url_for("exchange.peer", code=node.code, _anchor="alarms")
    return ""


def _centre_page() -> ResponseReturnValue:
    db, now = g.db, clock.now()
    own, centre = queries.node_named(db, own_code()), queries.centre_of(db)
    joining = trust.read(Path(current_app.config["FOLDER"]))
    joined = centre is not None or (joining is not None and joining.trusted)
    sight = queries.centre_sight(db, centre, own, now) if centre is not None else None
    receipted = datetime.fromisoformat(sight.receipt.statement["at"]) if sight and sight.receipt else None
    following = next_at_class(_as_heard(sight.facts if sight else Facts(now=now), joining), joined=joined, receipted_at=receipted)
    try:
        facts = _line_facts(the_line(db)[0])
    except NotFound:
        facts = {}
    return _peer_page(sight, following, receipted, over=facts)


@dataclass(frozen=True)
class OverTheLine:
    """What the page of a class server says of its line."""

    peer: str
    place: Staging
    line: contact.Line
    due: datetime  # the next exchange by itself
    target: Target


def the_line(db: Session) -> tuple[OverTheLine, Target]:
    """The line of this class server. Raises NotFound at a centre, and where none is set up."""
    from app.sync import wire  # the centre's web process never speaks over a line itself

    config = current_app.extensions["sabaq.config"]
    try:
        code = wire.centre_of(db, config).code
    except DomainError:
        raise NotFound() from None
    own = queries.node_named(db, own_code())
    line = contact.line_to(db, code)
    target = Target(path=db.scalar(sa.select(Office.path).where(Office.id == own.office_id)) if own else None)
    return OverTheLine(code, staging.of(config.folder, code), line, wire.next_due(line, clock.now()), target), target


def _line_facts(found: OverTheLine) -> dict[str, Any]:
    titles, beat = queries.titles(g.db), g.db.scalar(sa.select(Heartbeat.beat_at).where(Heartbeat.process == "jobs"))
    return {
        "wire": found.line, "wire_words": contact.in_words, "due": found.due, "wish": wish.of(found.place), "may_ask": can("exchange.do", found.target),
        "in_titles": lambda message: wording.with_titles(message, titles), "silent": beat is None or clock.now() - beat > SILENT,
    }


@line_bp.get("/exchange/line")
@guarded("exchange.see", the_line)
def line_part(found: OverTheLine) -> ResponseReturnValue:
    """How the line stands: the part of the page that moves while an exchange is under way."""
    return render_template("sync/line_part.html", **_line_facts(found))


@line_bp.post("/exchange/now")
@guarded("exchange.do", the_line)
def exchange_now(found: OverTheLine) -> ResponseReturnValue:
    """Ask for an exchange over the line: it begins within seconds, and the page says how it ended."""
    wish.ask(found.place, by=me().name, now=clock.now())
    audit("exchange.asked", about=found.peer)
    return go("exchange.index", _anchor="line")


def _as_heard(facts: Facts, joining: trust.Joining | None) -> Facts:
    """A revoked class server gets nothing more from the centre, so its own row never says it: the answer to its hello did."""
    return replace(facts, state="revoked") if joining is not None and joining.revoked_at else facts


# ---- one peer --------------------------------------------------------------------------------------------------------


def the_peer(db: Session, code: str) -> tuple[Node, Target]:
    """A class server, or at a class server its centre; rights go by the office of the class server."""
    node = queries.node_named(db, code)
    whose = node if node is None or not is_class_server() else queries.node_named(db, own_code())
    if node is None or whose is None or node.code == own_code():
        raise NotFound()
    return node, Target(path=db.scalar(sa.select(Office.path).where(Office.id == whose.office_id)))


@bp.get("/exchange/nodes/<code>")
@guarded("exchange.see", the_peer)
def peer(node: Node) -> ResponseReturnValue:
    """All that is stored of the exchange with one node."""
    if is_class_server():
        return _centre_page()
    line = _line(node)
    return _peer_page(line.sight, line.next, None, line)


def _line(node: Node) -> Line:
    row = (node, g.db.get(Office, node.office_id), g.db.get(Classroom, node.classroom_id) if node.classroom_id else None)
    return line_of(queries.sights(g.db, [row], clock.now())[0])


def _peer_page(sight: Sight | None, following: Next, receipted: datetime | None, line: Line | None = None, form: LookForm | None = None, over: Mapping[str, Any] | None = None) -> str:
    code = sight.node.code if sight else ""
    titles = queries.titles(g.db)
    exchanges = [Told(one, titles) for one in queries.exchanges_of(g.db, code)] if sight else []
    shown = [told for told in exchanges if not told.quiet][:SHOWN]
    target = Target(path=sight.office.path if sight and sight.office else None)
    return render_template(
        "sync/peer.html", sight=sight, line=line, next=following, receipted=receipted, shown=shown, quiet=[told.exchange for told in exchanges if told.quiet],
        receipts=queries.receipts_of(g.db, own_code(), code) if sight else [], people=queries.people_named(g.db, [told.exchange.by_id for told in shown]),
        flagged=queries.done_without_a_role(g.db, own_code() if is_class_server() else code, clock.now()) if sight else [],
        held=intake.held_of(g.db, code) if sight else [], alarms=alarms(sight.facts) if sight else [], words=wording, drift_words=drift_words,
        size_words=size_words, over=bool(over), **(over or {}), address=address_of, form=form or LookForm(formdata=None), own=own_code(), lives=queries.own_lives(g.db),
        may_look=not is_class_server() and can("exchange.do", target), may_intake=not is_class_server() and can("intake.do", target)
    )


@dataclass(frozen=True)
class Told:
    """An exchange with its sentence."""

    exchange: Exchange
    titles: Mapping[str, str] = field(default_factory=dict)  # of nodes, by code

    @property
    def sentence(self) -> str:
        """What came of it, in the page's language."""
        said = self.exchange.said
        return i18n.say(wording.with_titles(background.message(said), self.titles)) if said else ""

    @property
    def quiet(self) -> bool:
        """A contact over the line that brought nothing new either way: at most a receipt."""
        one, counts = self.exchange, self.exchange.counts
        if one.way != "https" or one.state not in ("nothing", "sent", "taken"):
            return False
        return not any(counts.get(what) for what in ("new", "held", "missing", "quarantine", "fork", "restored", "blobs", "down", "entries"))

    @property
    def refused(self) -> dict[str, int]:
        """Entries set aside, by reason."""
        held = self.exchange.counts.get("held")
        return {str(why): int(count) for why, count in held.items()} if isinstance(held, dict) else {}

    @property
    def content(self) -> list[str]:
        """What was in it, in words."""
        tables = self.exchange.counts.get("tables")
        return wording.in_words(tables) if isinstance(tables, dict) else []


LOOKED_INTO = (Alarm.FORK, Alarm.RESTORED)
"""Alarms that only a person's word ends; the others end by themselves when their reason does."""


@bp.post("/exchange/nodes/<code>/alarms/<any(fork, restored):alarm>")
@guarded("exchange.do", the_peer)
def look_into(node: Node, alarm: str) -> ResponseReturnValue:
    """Note what was found when an alarm was looked into: it is no alarm any more."""
    form = LookForm()
    if not form.validate():
        line = _line(node)
        return _peer_page(line.sight, line.next, None, line, form), status_of(Invalid())
    code = node.code
    intake.look_into(g.db, peer=code, alarm=Alarm(alarm), reason=form.reason.data or "", by=me().person_id, now=clock.now())
    audit("alarm.settled", about=code, alarm=alarm)
    say_next(say("exchange", "Noted. The alarm is over; it comes again if it happens again."))
    return go("exchange.peer", code=code)


# ---- receipts --------------------------------------------------------------------------------------------------------


def the_receipt(db: Session, receipt_id: uuid.UUID) -> tuple[StoredReceipt, Target]:
    """A receipt between this node and a peer; rights go by the peer."""
    row = db.get(StoredReceipt, receipt_id)
    if row is None or own_code() not in (row.by, row.about):
        raise NotFound()
    _, target = the_peer(db, row.about if row.by == own_code() else row.by)
    return row, target


@bp.get("/exchange/receipts/<uuid:receipt_id>")
@guarded("exchange.see", the_receipt)
def receipt(row: StoredReceipt) -> ResponseReturnValue:
    """A receipt to read and to print: what its giver holds, and what was new, known and refused of the bundle."""
    titles = queries.titles(g.db)
    came = g.db.scalar(
        sa.select(Exchange).where(Exchange.bundle == row.statement.get("bundle"), Exchange.direction == "in").order_by(Exchange.place.desc()).limit(1)
    )
    return render_template(
        "sync/receipt.html", receipt=row, says=row.statement, at=datetime.fromisoformat(row.statement["at"]), titles=titles,
        came=Told(came, titles) if came else None, words=wording, own=own_code(), size_words=size_words, signature=row.signature.hex()[:16],
    )


# ---- the start page --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One line of the start page: the exchange needs a person."""

    text: str
    href: str


def call(db: Session) -> Call | None:
    """What the start page says of the exchange to who asks; None when nothing needs a person."""
    if not can("exchange.see"):
        return None
    now = clock.now()
    if is_class_server():
        own, centre = queries.node_named(db, own_code()), queries.centre_of(db)
        if centre is None:
            return None
        sight = queries.centre_sight(db, centre, own, now)
        receipted = datetime.fromisoformat(sight.receipt.statement["at"]) if sight.receipt else None
        joining = trust.read(Path(current_app.config["FOLDER"]))
        following = next_at_class(_as_heard(sight.facts, joining), joined=True, receipted_at=receipted)
        return Call(i18n.say(following.text), url_for("exchange.index")) if following.urgent else None
    urgent = sorted((line for line in lines_here(db) if line.next.urgent), key=lambda line: line.urgency)
    if not urgent:
        return None
    if len(urgent) == 1:
        return Call(i18n.t("exchange", "{title}: {what}", title=urgent[0].node.title, what=urgent[0].next.text), url_for("exchange.peer", code=urgent[0].node.code))
    return Call(i18n.nt("exchange", "{n} class server needs a person.", "{n} class servers need a person.", len(urgent)), url_for("exchange.index"))


