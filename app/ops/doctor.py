"""The doctor: looks at everything this node needs, and says of each what is wrong and what to do."""

from __future__ import annotations

import ctypes.util
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, disk
from app.clock import Uptime
from app.db import Database, self_check
from app.errors import Message
from app.errors import say as message
from app.ops import backup_job, folders, migrations, rules
from app.ops.models import Heartbeat
from app.ops.rules import RELEASED, STEP, Doubt, Known
from app.people.models import SignIn
from app.quizzes.models import ClockStep, WallClock
from app.storage import Trouble, check
from app.sync import trust
from app.sync.keys import FILE as KEY_FILE
from app.sync.models import StoredReceipt, StoredSegment
from config import WELL_KNOWN_KEYS, Config

State = Literal["ok", "warning", "error"]
PANGO = {"pango-1.0": "libpango-1.0-0", "pangoft2-1.0": "libpangoft2-1.0-0", "harfbuzz-subset": "libharfbuzz-subset0"}
PRINT_FONTS = Path(__file__).parent.parent / "static" / "print-fonts"


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    state: State
    text: str
    next_step: str = ""


def exam_faults(config: Mapping[str, Any], database: Database) -> list[Message]:
    """Why no test may begin on this node; nothing when it may be trusted with one. Looked at when a test is started."""
    faults = []
    try:
        if self_check(database.engine):
            faults.append(message("readiness", "the database could lose saved answers in a power cut"))
    except sa.exc.SQLAlchemyError:
        faults.append(message("readiness", "the database does not answer"))
    trouble = database.storage and database.storage.trouble
    if trouble is Trouble.FAILED:
        faults.append(message("readiness", "the server's disk reported an error"))
    if clock.now() < RELEASED:
        faults.append(message("readiness", "the server's clock shows a wrong date"))
    found = disk.look(Path(config["INSTANCE"]))
    if trouble is Trouble.FULL:
        faults.append(message("readiness", "the server's disk is full"))
    elif found.level >= disk.Level.NO_TESTS:
        faults.append(message("readiness", "the server's disk has {percent} % free, and tests need {needed} %: ask the administrator to give the reserve back, then to make room", percent=found.percent, needed=disk.NO_TESTS))
    if config["SECRET_KEY"].lower() in WELL_KNOWN_KEYS or len(config["SECRET_KEY"]) < 32:
        faults.append(message("readiness", "the server's secret key is known or too short"))
    if config["DEBUG"]:
        faults.append(message("readiness", "the server runs with debugging on"))
    return faults


def date_doubt(config: Mapping[str, Any], database: Database) -> Doubt | None:
    """Why somebody has to confirm today's date before a test that counts may begin; None when it is believed. Study goes on."""
    now, uptime = clock.now(), clock.uptime()
    with database.sessions() as db:
        known = _known(db, uptime)
        if config["ROLE"] == "classroom":
            known = replace(known, centre=_centre_said(db, config["NODE"]))
    return rules.date_doubt(now, round(now.timestamp() * 1000 - uptime.ms), known)


def date_fault(config: Mapping[str, Any], database: Database) -> Message | None:
    """The same as a reason why no test may begin."""
    found = date_doubt(config, database)
    return None if found is None else message("readiness", "the date of this server must be confirmed first. The class manager does it on the page of the class day")


def _known(db: Session, uptime: Uptime) -> Known:
    """What was confirmed here, and when the clock was last set by a day or more."""
    here = db.execute(sa.select(WallClock.confirmed_offset_ms).where(WallClock.boot == uptime.boot)).scalar()
    step = STEP // timedelta(milliseconds=1)
    stepped = sa.select(sa.func.max(ClockStep.noticed_at)).where(
        ClockStep.owner_node == db.info["node"], sa.or_(ClockStep.step_ms >= step, ClockStep.step_ms <= -step)
    )
    return Known(confirmed=db.scalar(sa.select(sa.func.max(WallClock.confirmed_at))), confirmed_offset_ms=here, stepped=db.scalar(stepped))


def _centre_said(db: Session, node: str) -> datetime | None:
    """The newest moment in what the centre has signed for this class server. What class servers say is no reason for a centre to doubt."""
    receipt = db.scalar(sa.select(StoredReceipt.statement).where(StoredReceipt.about == node, StoredReceipt.by != node).order_by(StoredReceipt.place.desc()).limit(1))
    version = db.scalar(
        sa.select(StoredSegment.header).where(StoredSegment.stream == f"down:{node}", StoredSegment.node != node)
        .order_by(StoredSegment.ordinal.desc(), StoredSegment.number.desc()).limit(1)
    )
    said = [text for text in ((receipt or {}).get("at"), (version or {}).get("sealed_at")) if isinstance(text, str)]
    return max(map(datetime.fromisoformat, said), default=None)


def examine(config: Config, database: Database) -> list[Finding]:
    """Everything, in the order in which it is needed."""
    return [
        *_settings(config), *_folders(config), *_database(database), *_storage(database), *_disk(config), *_clock(config), *_date(config, database), *_joined(config), *_printing(), *_jobs(database), *_copies(config, database),
        *_browsers(database),
    ]


def _settings(config: Config) -> Iterator[Finding]:
    weak = [name for name in ("SECRET_KEY", "PEPPER") if getattr(config, name).lower() in WELL_KNOWN_KEYS or len(getattr(config, name)) < 32]
    if weak:
        yield Finding("keys", "error", f"{', '.join(weak)} is known or too short.", "Leave SABAQ_SECRET_KEY and SABAQ_PEPPER unset: the node makes its own.")
    else:
        yield Finding("keys", "ok", "The node has its own keys.")
    if os.environ.get("FLASK_DEBUG"):
        yield Finding("debug", "error" if config.production else "warning", "FLASK_DEBUG is set.", "Unset it: error pages would show secrets.")
    yield _mail(config)


def _mail(config: Config) -> Finding:
    if config.ROLE != "centre":
        return Finding("mail", "ok", "A class server sends no mail.")
    if not config.MAIL_HOST:
        return Finding("mail", "ok", "No mail server is set: mails stay in the outbox, and everybody is told on his start page.")
    place = f"{config.MAIL_HOST}:{config.MAIL_PORT}"
    try:
        socket.create_connection((config.MAIL_HOST, config.MAIL_PORT), timeout=3).close()
    except OSError as error:
        return Finding("mail", "warning", f"The mail server {place} does not answer: {error}.", "Mails that were sent wait and are tried again. Check SABAQ_MAIL_HOST and the line.")
    return Finding("mail", "ok", f"The mail server {place} answers.")


def _folders(config: Config) -> Iterator[Finding]:
    for name, folder in (("node folder", config.folder), ("courses", Path(config.COURSES))):
        if not folder.is_dir():
            yield Finding(name, "error", f"{folder} is missing.", "Run: sabaq init" if name == "node folder" else "Set SABAQ_COURSES to the folder of courses.")
        elif name == "node folder" and not os.access(folder, os.W_OK):
            yield Finding(name, "error", f"{folder} cannot be written.", "Give it to the user that runs the node.")
        else:
            yield Finding(name, "ok", f"{folder} is there.")


def _database(database: Database) -> Iterator[Finding]:
    try:
        at, wanted = migrations.revision(database.engine), migrations.newest()
        wrong = self_check(database.engine)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        yield Finding("database", "error", f"It does not answer: {error.__cause__ or error}", "Check SABAQ_DATABASE_URL, and that the server runs.")
        return
    if at != wanted:
        yield Finding("migrations", "error", f"The database is at {at or 'nothing'}, this release needs {wanted}.", "Run: sabaq init")
    else:
        yield Finding("migrations", "ok", f"The database is at {at}.")
    for text in wrong:
        yield Finding("durability", "error", text, "A power cut could lose saved answers: correct the setting.")
    if not wrong:
        yield Finding("durability", "ok", f"{database.name}: what is committed is on disk.")


def _storage(database: Database) -> Iterator[Finding]:
    if database.storage is None or database.storage.trouble is not Trouble.FAILED:
        yield Finding("writing", "ok", "No write has failed.")
        return
    said = f"A write failed ({database.storage.reported}); nothing is written since."
    wrong = check(database.engine)
    if wrong:
        yield Finding("writing", "error", f"{said} The database is damaged: {'; '.join(wrong[:3])}.", "Do not use it for tests: put a new disk in and restore the newest backup.")
    else:
        yield Finding("writing", "error", f"{said} The database itself is whole.", "Look at the disk (dmesg, smartctl -a) and replace it if it is failing; then restart the node, which checks the database and writes again.")


def _disk(config: Config) -> Iterator[Finding]:
    found = disk.look(config.folder)
    states: dict[disk.Level, State] = {disk.Level.ENOUGH: "ok", disk.Level.LITTLE: "warning", disk.Level.NO_FILES: "error", disk.Level.NO_TESTS: "error"}
    said = f"{found.free // disk.MEGABYTE} MB free, {found.percent} %."
    if found.level is disk.Level.ENOUGH:
        yield Finding("disk", "ok", said)
    else:
        yield Finding("disk", states[found.level], f"{said} {found.level.message.text}", "Make room; to go on at once: sabaq doctor --free-reserve" if disk.reserve(config.folder) else "Make room: the reserve is used up.")
    for name in folders.unknown(config.folder):
        yield Finding("folder", "warning", f"{config.folder / name} is not of this program; nothing bounds it.", "Move it elsewhere when nobody needs it here.")


def _clock(config: Config) -> Iterator[Finding]:
    now = clock.now()
    if now < RELEASED:
        yield Finding("clock", "error", f"The clock says {now:%Y-%m-%d %H:%M} UTC.", "Set the date: certificates and results would carry a wrong one.")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC.")
    try:
        ZoneInfo(config.ZONE)
        yield Finding("time zones", "ok", f"Zone data is there; this node is in {config.ZONE}.")
    except ZoneInfoNotFoundError:
        yield Finding("time zones", "error", f"No data for {config.ZONE}.", "Install the locked requirements again: the package tzdata is missing.")


def _date(config: Config, database: Database) -> Iterator[Finding]:
    try:
        doubt = date_doubt({"ROLE": config.ROLE, "NODE": config.NODE}, database)
    except sa.exc.SQLAlchemyError:
        return  # said before
    if doubt not in (None, Doubt.BEFORE_RELEASE):
        yield Finding("date", "warning", f"Nobody has confirmed today's date ({doubt}): no test that counts begins.", "Set the clock if it is wrong; else open the page /date as the class manager and confirm it.")


def _joined(config: Config) -> Iterator[Finding]:
    keys = config.folder / KEY_FILE
    if keys.exists() and keys.stat().st_mode & 0o077:
        yield Finding("node keys", "warning", f"{keys} can be read by others.", f"Run: chmod 600 {keys}")
    if config.ROLE != "classroom":
        return
    joining = trust.read(config.folder)
    if joining is None or not joining.trusted or not joining.accepted:
        yield Finding("centre", "warning", "This class server has not joined a centre.", "Open its page in a browser, or run: sabaq sync join --help")
    elif joining.revoked_at:
        yield Finding("centre", "error", f"{joining.title} has revoked this server at {joining.revoked_at[:16]} UTC.", "Call the centre: it has to join anew, under a new name.")
    else:
        yield Finding("centre", "ok", f"Joined {joining.title}; " + (f"asked at {joining.address}." if joining.address else "no line, exchanges go by stick."))


def missing_print_packages() -> list[str]:
    """Debian packages without which nothing can be printed as PDF."""
    return [package for library, package in PANGO.items() if ctypes.util.find_library(library) is None]


def _printing() -> Iterator[Finding]:
    missing = missing_print_packages()
    if missing:
        yield Finding("printing", "error", "PDF cannot be made; pages still work.", f"Run: apt-get install {' '.join(missing)}")
    else:
        yield Finding("printing", "ok", "Pango and HarfBuzz are there.")
    fonts = sorted(PRINT_FONTS.glob("*.ttf"))
    if fonts:
        yield Finding("fonts", "ok", f"{len(fonts)} print fonts are bundled.")
    else:
        yield Finding("fonts", "error", "The bundled print fonts are missing.", "The release is incomplete: fetch it again.")


def _jobs(database: Database) -> Iterator[Finding]:
    try:
        with database.sessions() as db:
            beat = db.scalar(sa.select(Heartbeat.beat_at).where(Heartbeat.process == "jobs"))
    except sa.exc.SQLAlchemyError:
        return
    if beat is None:
        yield Finding("job process", "warning", "It has never run here.", "Start the node: sabaq run")
    elif clock.now() - beat > timedelta(minutes=2):
        yield Finding("job process", "warning", f"Last seen {beat:%Y-%m-%d %H:%M} UTC.", "Start the node: sabaq run")
    else:
        yield Finding("job process", "ok", "It runs.")


def _copies(config: Config, database: Database) -> Iterator[Finding]:
    try:
        with database.sessions() as db:
            nightly = backup_job.state(db, config)
    except sa.exc.SQLAlchemyError:
        return
    if nightly.folder is None:
        yield Finding("copies", "warning", "No copy of this node is made by itself.", "Set SABAQ_BACKUP to a folder on another disk, or run: sabaq backup create --to FOLDER")
    elif nightly.late(clock.now()):
        when = f"{nightly.newest:%Y-%m-%d %H:%M} UTC" if nightly.newest else "never"
        why = f" {nightly.failed.text.format_map(nightly.failed.params)}" if nightly.failed else ""
        yield Finding("copies", "warning", f"Newest nightly copy: {when}.{why}", f"Look whether {nightly.folder.parent} is there and has room; one is made each night while the node runs.")
    else:
        yield Finding("copies", "ok", f"Newest nightly copy: {nightly.newest:%Y-%m-%d %H:%M} UTC, in {nightly.folder}.")


def _browsers(database: Database) -> Iterator[Finding]:
    try:
        with database.sessions() as db:
            seen = set(db.scalars(sa.select(SignIn.browser).distinct().limit(200)))
    except sa.exc.SQLAlchemyError:
        return
    old = sorted({found for text in seen if (found := _too_old(text))})
    if old:
        yield Finding("browsers", "warning", f"Too old for the timer and autosave: {', '.join(old)}.", "Install Firefox 115 ESR or Chrome 109 on those PCs; pages still work without script.")
    else:
        yield Finding("browsers", "ok", f"{len(seen)} kinds seen, none too old.")


def _too_old(agent: str) -> str | None:
    for name, floor in (("Firefox/", 115), ("Chrome/", 109)):
        if name in agent:
            version = agent.split(name)[1].split(".")[0]
            if version.isdigit() and int(version) < floor:
                return name.replace("/", " ") + version
    return None
