"""The `sabaq` command: what an administrator does at a terminal. `flask --app wsgi …` offers the same.

Exit codes: 0 done, 1 refused or found wrong (the text says what and what to do), 2 wrong words on the command line.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask
from flask.cli import FlaskGroup

import config as settings
from app.errors import DomainError

Command = click.Command


def node() -> tuple[settings.Config, Any]:
    """The node's settings and its database."""
    from app import open_database

    try:
        found = settings.read()
    except settings.BadSetting as wrong:
        refuse(str(wrong))
    return found, open_database(found)


def refuse(text: str) -> NoReturn:
    """End with a sentence and exit code 1."""
    raise click.ClickException(text)


def _app() -> Flask:
    from app import create_app

    try:
        return create_app(settings.read())
    except settings.BadSetting as wrong:
        refuse(str(wrong))


def as_json(view: Callable[..., Any]) -> Callable[..., Any]:
    """Offer --json: the same answer for programs."""
    return click.option("--json", "json_output", is_flag=True, help="Answer as JSON.")(view)


@click.command(epilog="Example: sabaq init")
def init() -> None:
    """Make the node's folder and keys, and bring its database to this release."""
    from app import disk
    from app.ops import migrations

    config, database = node()
    config.folder.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(database.engine)
    disk.keep_reserve(config.folder)
    _know_itself(config, database)
    click.echo(f"Node {config.NODE} is ready in {config.folder}.")


def _know_itself(config: settings.Config, database: Any) -> None:
    """The node's own keys; at a centre also its line in the list of nodes, once it has an office."""
    from app import clock
    from app.sync import joining, keys
    from app.work import work

    own = keys.load_or_make(config.folder)
    if config.ROLE == "centre":
        with work(database) as db:
            joining.keep_own_row(db, keys=own, address=config.public_url, now=clock.now())


@click.command(epilog="Example: SABAQ_PORT=8100 sabaq run")
@click.option("--no-demo", is_flag=True, help="Do not fill an empty node with demo data.")
@click.pass_context
def run(context: click.Context, no_demo: bool) -> None:
    """Bring the node up to date, fill an empty one with demo data, and serve it until Ctrl-C."""
    from app.ops import demo, supervisor

    config, database = node()
    if not supervisor.port_is_free(config.HOST, config.PORT):
        refuse(f"Something already listens on {config.HOST}:{config.PORT}. Stop it, or choose another port: SABAQ_PORT=8100.")
    for name in settings.unknown_variables(_environ()):
        click.echo(f"Warning: {name} is no setting of Sabaq and does nothing (docs/settings.md lists them).", err=True)
    context.invoke(init)
    if config.ROLE == "centre":  # a class server gets its courses and people from there
        report_courses(Path(config.COURSES))
        if not no_demo and demo.wanted(config, database):
            click.echo("Filling the empty node with demo data; this happens once and takes about a minute.")
            demo.load(config, database, say=click.echo)
            _know_itself(config, database)
    click.echo(demo.welcome(config, database))
    sys.exit(supervisor.supervise(config))


def _environ() -> dict[str, str]:
    import os

    return dict(os.environ)


def _set_the_program_apart() -> None:
    """The program itself is never garbage: without it a full collection, in the middle of a request or of a piece of work that
    holds the write lock, takes a millisecond and not a hundred.
    """
    import gc

    gc.collect()
    gc.freeze()


@click.command(epilog="Example: sabaq web")
def web() -> None:
    """Serve the pages (the supervisor calls this)."""
    import waitress

    from app import logs
    from app.ops import alive, supervisor
    from app.ops.doctor import exam_faults
    from app.storage import check_after_failure
    from app.sync.stick_views import LARGEST_UPLOAD

    logs.install()
    app = _app()
    supervisor.end_with_parent()
    database = app.extensions["sabaq.database"]
    for wrong in check_after_failure(database.engine, database.storage):
        logging.getLogger("sabaq").critical("the database is damaged, nothing will be written: %s", wrong)
    for fault in exam_faults(app.config, database):
        logging.getLogger("sabaq").error("no test will be started: %s", fault.text)
    alive.begin(database)
    alive.keep_beating(database)
    _set_the_program_apart()
    # What comes over the line comes in pieces of a megabyte at most; a stick's file sent whole is the largest body there is.
    # A browser keeps up to six connections open, so a hall of a hundred needs more than waitress's limit of a hundred;
    # poll() because select() ends at file 1024.
    waitress.serve(
        app, host=app.config["HOST"], port=app.config["PORT"], threads=app.config["THREADS"], ident="sabaq", _quiet=True,
        connection_limit=800, channel_timeout=60, asyncore_use_poll=True, max_request_body_size=LARGEST_UPLOAD,
    )


@click.command(epilog="Example: sabaq jobs")
def jobs() -> None:
    """Do what comes round: close overdue tests, look at the clock, tidy (the supervisor calls this)."""
    import app.jobs
    from app import logs

    logs.install()
    config, database = node()
    _set_the_program_apart()
    app.jobs.run(database, config)


@click.command(epilog="Example: sabaq doctor --json")
@as_json
@click.option("--free-reserve", is_flag=True, help="Give the reserve on a full disk back, so that the node works while room is made.")
def doctor(json_output: bool, free_reserve: bool) -> None:
    """Look at everything this node needs; exit code 1 when something is wrong."""
    from app import disk
    from app.ops.doctor import examine

    config, database = node()
    if free_reserve:
        given = disk.give_back(config.folder)
        click.echo(f"{given // disk.MEGABYTE} MB given back. Make room now; the reserve is made again by itself." if given else "There is no reserve: it was given back before.", err=True)
    findings = examine(config, database)
    if json_output:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            click.echo(f"{finding.state:8}{finding.name:14}{finding.text}" + (f"\n{'':22}{finding.next_step}" if finding.next_step else ""))
    sys.exit(any(finding.state == "error" for finding in findings))


@click.group(name="demo", invoke_without_command=True, epilog="Example: sabaq demo --stage empty --yes")
@click.option("--stage", type=click.Choice(["full", "empty"]), default="full", help="full: runs past, present and planned; empty: an administrator alone.")
@click.option("--remove", is_flag=True, help="Remove the demo node with everything in it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def demo_command(stage: str, remove: bool, yes: bool) -> None:
    """Fill an empty node with invented data, or remove all of it. Only on loopback and never in production."""
    from app.ops import demo, migrations

    config, database = node()
    try:
        if remove:
            yes or click.confirm(f"Remove node {config.NODE} with everything in {config.folder}?", abort=True)
            demo.remove(config, database)
            click.echo(f"Node {config.NODE} is gone. `sabaq init` makes an empty one.")
            return
        config.folder.mkdir(parents=True, exist_ok=True)
        migrations.upgrade(database.engine)
        report_courses(Path(config.COURSES))
        demo.load(config, database, stage=stage, say=click.echo)
    except DomainError as refused:
        refuse(str(refused))
    _know_itself(config, database)
    click.echo(demo.welcome(config, database))


@click.command(name="demo-network", epilog="Example: SABAQ_PORT=8300 sabaq demo-network")
def demo_network_command() -> None:
    """Serve a centre and two class servers with invented data on this machine, one of them without a line, until Ctrl-C."""
    from app.ops import demo_network

    try:
        code = demo_network.run(settings.read(), click.echo)
    except settings.BadSetting as wrong:
        refuse(str(wrong))
    except (demo_network.PortTaken, DomainError) as refused:
        refuse(str(refused))
    sys.exit(code)


@click.group(name="course")
def course_group() -> None:
    """Courses on disk."""


@course_group.command(name="load", epilog="Example: sabaq course load courses/vehicle-search")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
def course_load(folders: tuple[Path, ...]) -> None:
    """Publish courses from their folders; all of the courses folder when none is named. Exit code 1 when one is refused."""
    config, _ = node()
    taken = [report_courses(folder) for folder in folders or (Path(config.COURSES),)]  # all, also after a refused one
    sys.exit(not all(taken))


@course_group.command(name="check", epilog="Example: sabaq course check courses/vehicle-search")
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def course_check(folder: Path) -> None:
    """Read a course folder and name every mistake with file and line; nothing is stored."""
    from app.courses import disk, problems

    try:
        course = disk.load(folder)
    except problems.BadCourse as bad:
        refuse("\n".join(str(problem) for problem in bad.problems))
    click.echo(f"{course.id}: in order.")


@course_group.command(name="format", epilog="Example: sabaq course format courses/vehicle-search")
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def course_format(folder: Path) -> None:
    """Write a course folder in its canonical form and name the files that changed."""
    from app.courses import problems, write

    try:
        changed = write.rewrite(folder)
    except problems.BadCourse as bad:
        refuse("\n".join(str(problem) for problem in bad.problems))
    click.echo("\n".join(str(path) for path in changed) or "Nothing to change.")


def report_courses(folder: Path) -> bool:
    """Publish what changed in a folder of courses and say it; whether all were taken."""
    from app.courses import loading

    config, database = node()
    results = loading.load_all(database, folder, keep_in=config.folder)
    for result in results:
        click.echo(result.text, err=not result.taken)
    return all(result.taken for result in results)


@click.group(name="country")
def country_group() -> None:
    """Countries of the node: the first step on a new one."""


@country_group.command(
    name="add", epilog="Example: sabaq country add --code KZ --name kk=Қазақстан --name ru=Казахстан --zone Asia/Almaty "
    "--languages kk,ru --agency BORDER --agency-name 'ru=Пограничная служба'",
)
@click.option("--code", required=True, help="ISO 3166-1 code; the country's centre gets it as office code.")
@click.option("--name", "names", multiple=True, required=True, help="Name with its language, like kk=Қазақстан; may be repeated.")
@click.option("--zone", required=True, help="Time zone, like Asia/Almaty.")
@click.option("--languages", default="kk,ru", show_default=True, help="Languages of its certificates, the first one first.")
@click.option("--agency", required=True, help="Code of its first agency, like BORDER. People are taken in under an agency.")
@click.option("--agency-name", "agency_names", multiple=True, required=True, help="Name with its language; may be repeated.")
@click.option("--under", default="", help="Code of the office above several countries, like CA; it is made when it is missing.")
def country_add(
    code: str, names: tuple[str, ...], zone: str, languages: str, agency: str, agency_names: tuple[str, ...], under: str
) -> None:
    """Add a country with its centre and its first agency; pages add the rest."""
    from app.ops import places

    config, database = node()
    try:
        places.add_country(database, code=code, names=names, zone=zone, languages=languages, agency=agency, agency_names=agency_names, under=under)
    except DomainError as refused:
        refuse(str(refused))
    _know_itself(config, database)
    click.echo(f"Office {code} is there. Next, its administrator: sabaq user create --role administrator --office {under or code} --help")


@click.group(name="user")
def user_group() -> None:
    """People who sign in with a password."""


@user_group.command(name="create", epilog="Example: sabaq user create --role administrator --office CA --name 'Lang Anna' --user-name alang")
@click.option("--user-name", required=True)
@click.option("--name", required=True, help="Family name, given name, patronymic.")
@click.option("--role", required=True)
@click.option("--office", "office_code", required=True, help="Code of the office that the role is given for.")
@click.option("--password-file", type=click.Path(exists=True, path_type=Path), help="File with the password; else it is asked for.")
def user_create(user_name: str, name: str, role: str, office_code: str, password_file: Path | None) -> None:
    """Create a member of staff with one role."""
    from app.ops import staff

    config, database = node()
    if password_file:
        password = password_file.read_text(encoding="utf-8").strip()
    else:
        password = click.prompt("Password, at least 15 characters", hide_input=True, confirmation_prompt=True)
    try:
        staff.create(database, config, user_name=user_name, name=name, role=role, office_code=office_code, password=password)
    except DomainError as refused:
        refuse(str(refused))
    click.echo(f"{user_name} can sign in.")


@user_group.command(name="password", epilog="Example: sabaq user password --service-number 20417064 --user-name dkassymov")
@click.option("--service-number", required=True)
@click.option("--user-name", required=True, help="What is typed at the sign-in from now on.")
@click.option("--password-file", type=click.Path(exists=True, path_type=Path), help="File with the password; else it is asked for.")
def user_password(service_number: str, user_name: str, password_file: Path | None) -> None:
    """Give somebody in the register a user name and a password at this node, e.g. the class manager of a class server."""
    from app.ops import staff

    config, database = node()
    if password_file:
        password = password_file.read_text(encoding="utf-8").strip()
    else:
        password = click.prompt("Password, at least 15 characters", hide_input=True, confirmation_prompt=True)
    try:
        name = staff.set_password(database, config, service_number=service_number, user_name=user_name, password=password)
    except DomainError as refused:
        refuse(str(refused))
    click.echo(f"{name} can sign in as {user_name}.")


@click.group(name="backup")
def backup_group() -> None:
    """Copies of the node: its database, the files that its rows name, its keys."""


@backup_group.command(name="create", epilog="Example: sabaq backup create --to /media/backup/korday")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Folder of the copies, best on another disk; else the node's own folder.")
def backup_create(to: Path | None) -> None:
    """Write a consistent copy while the node is in use, and check that it opens. Keep it locked: the node's keys are in it."""
    from app.ops import backup

    config, database = node()
    try:
        click.echo(backup.create(database, config, to))
    except DomainError as refused:
        refuse(str(refused))


@backup_group.command(name="restore", epilog="Example: sabaq backup restore /media/backup/korday/sabaq-20261122-171500-000000.json")
@click.argument("copy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def backup_restore(copy: Path) -> None:
    """Make this node of a copy, where there is none yet; all of the copy is checked before anything is written."""
    from app.ops import backup

    try:
        click.echo(backup.restore(settings.read(), copy))
    except (DomainError, settings.BadSetting) as refused:
        refuse(str(refused))


@click.group(name="cert")
def cert_group() -> None:
    """Certificates."""


@cert_group.command(name="check", epilog="Example: sabaq cert check 'https://…/v/KZ-2026-000123-7?k=…#…'")
@click.argument("text")
@as_json
def cert_check(text: str, json_output: bool) -> None:
    """Check the text of a certificate's QR code against the keys this node knows; needs no network."""
    from app.certificates import checking

    _, database = node()
    with database.sessions() as db:
        found = checking.check_text(db, text)
    click.echo(json.dumps(found.as_dict()) if json_output else found.sentence)
    sys.exit(not found.genuine)


@click.group(name="sync")
def sync_group() -> None:
    """Class servers and the centre: joining, exchanging, revoking."""


@sync_group.command(name="rebuild", epilog="Example: sabaq sync rebuild --into /srv/sabaq/anew")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Keep the new database in this folder, which must not exist yet.")
@as_json
def sync_rebuild(into: Path | None, json_output: bool) -> None:
    """Make every row that travels anew from the signed segments alone, and compare it with what is here.

    Exit code 0: every figure rests on the same facts. 1: the tables that differ are named.
    """
    import tempfile

    from app import clock
    from app.sync import keys, rebuild, sealer

    config, database = node()
    if into is not None and into.exists():
        refuse(f"{into} exists already: name a folder that does not.")
    own = keys.load_or_make(config.folder)
    sealer.seal_all(database, config.folder, own, clock.now())
    with tempfile.TemporaryDirectory(dir=config.folder) as spare:
        if json_output:
            found = rebuild.prove(database, into or Path(spare), now=clock.now(), own_key=own.public.sign)
        else:
            with click.progressbar(length=1, label="Segments") as bar:

                def shown(done: int, of: int) -> None:
                    bar.length = of
                    bar.update(done - bar.pos)

                found = rebuild.prove(database, into or Path(spare), now=clock.now(), own_key=own.public.sign, progress=shown)
    if json_output:
        click.echo(json.dumps({"same": not found, "differences": [asdict(one) for one in found]}))
    else:
        for one in found:
            click.echo(f"{one.table}: {one.missing} rows missing, {one.extra} too many, {one.other} other than here.", err=True)
        click.echo("The rows made anew differ from those here." if found else "Every row came out the same.")
    sys.exit(bool(found))


@sync_group.command(name="now", epilog="Example: sabaq sync now --json")
@as_json
def sync_now(json_output: bool) -> None:
    """Exchange with the centre over the line at once. Exit code 1 when it could not be done; what has crossed the line is kept."""
    from app import i18n
    from app.sync import wire

    config, database = node()
    i18n.at_home(config.ZONE, config.DEFAULT_LANGUAGE)
    try:
        report = wire.exchange_now(database, config)
    except DomainError as error:
        line = "" if isinstance(error, wire.NoCentre) else wire.line_in_words(database, config)
        if json_output:
            click.echo(json.dumps({"done": False, "error": str(error), "line": line}))
            sys.exit(1)
        refuse(f"{error} {line}".strip())
    if json_output:
        click.echo(json.dumps({"done": True, **report.as_json()}))
    else:
        click.echo("\n".join(i18n.say(one) for one in report.sentences))


@sync_group.command(name="nodes", epilog="Example: sabaq sync nodes --json")
@as_json
def sync_nodes(json_output: bool) -> None:
    """The nodes that this one knows, with their state and fingerprint."""
    from app.sync import joining, keys

    config, database = node()
    own = keys.load_or_make(config.folder).public.fingerprint
    with database.sessions() as db:
        rows = joining.lines(db)
    if json_output:
        click.echo(json.dumps({"node": config.NODE, "fingerprint": own, "nodes": rows}, indent=1))
        return
    click.echo(f"This node: {config.NODE}  {own}")
    for row in rows:
        click.echo(f"{row['state']:9}{row['code']:24}{row['fingerprint'] or '–':21}{row['title']}" + ("  asks to join: " + row["asks"] if row["asks"] else ""))


@sync_group.command(name="invite", epilog="Example: sabaq sync invite --code class-korday --title 'Class server Korday' --office KZ-KORDAY")
@click.option("--code", required=True, help="Short name: small Latin letters, figures and hyphens. The class server is started with it as SABAQ_NODE.")
@click.option("--title", required=True, help="Name for people.")
@click.option("--office", "office_code", required=True, help="Code of the office whose classroom it is.")
@click.option("--room", default="", help="Part of the classroom's name, where the office has several.")
@click.option("--replaces", default="", help="Short name of a revoked class server whose place it takes.")
def sync_invite(code: str, title: str, office_code: str, room: str, replaces: str) -> None:
    """At the centre: create a class server for a classroom and print its one-time code."""
    from app import clock
    from app.sync import joining
    from app.work import work

    config, database = node()
    _know_itself(config, database)
    try:
        with work(database) as db:
            made, text = joining.invite(
                db, code=code, title=title, room=joining.room_named(db, office_code, room), replaces=joining.named(db, replaces) if replaces else None,
                by=None, now=clock.now(),
            )
            name = made.code
    except DomainError as refused:
        refuse(str(refused))
    click.echo(f"Code for {name}, good once within {joining.CODE_DAYS} days: {text}\nStart the class server with SABAQ_ROLE=classroom SABAQ_NODE={name} and type the code there.")


@sync_group.command(name="join", epilog="Example: sabaq sync join K7M2P-Q4R8S-T3W6X --centre https://sabaq.example.kz")
@click.argument("code")
@click.option("--centre", default="", help="Address of the centre; leave it out when there is no line.")
@click.option("--request", "request_file", type=click.Path(path_type=Path), help="Write the request to this file, for a stick.")
@click.option("--answer", "answer_file", type=click.Path(exists=True, path_type=Path), help="Take the centre's answer from this file.")
def sync_join(code: str, centre: str, request_file: Path | None, answer_file: Path | None) -> None:
    """On a class server: ask the centre with the code from the paper. Say it again to ask whether it was accepted."""
    from app import clock
    from app.sync import joining, keys

    config, _ = node()
    if config.ROLE != "classroom":
        refuse("This node is a centre: class servers join it. Start a class server with SABAQ_ROLE=classroom and a name of its own in SABAQ_NODE.")
    try:
        found = joining.ask(config.folder, node=config.NODE, typed=code, address=centre, now=clock.now())
        if request_file:
            request_file.write_text(found.request, encoding="utf-8")
            click.echo(f"The request is in {request_file}: bring it to the centre.")
        if answer_file:
            found = joining.hear(config.folder, answer_file.read_bytes())
        elif found.address and not request_file:
            found = joining.hear(config.folder, joining.send(found, folder=config.folder))
    except (DomainError, OSError) as refused:
        refuse(str(refused))
    click.echo(f"Fingerprint of this server: {keys.load_or_make(config.folder).public.fingerprint}")
    if found.keys is None:
        click.echo("The centre has not answered yet.")
    else:
        click.echo(f"Fingerprint of {found.title}: {found.keys.fingerprint}")
        click.echo("" if found.trusted else "Compare it with the paper or by telephone, then: sabaq sync trust FINGERPRINT")
        click.echo({None: "A person at the centre has to accept this server.", True: "The centre has accepted this server.", False: "The centre has turned this server down."}[found.accepted])


@sync_group.command(name="trust", epilog="Example: sabaq sync trust ABCD-EFGH-IJKL-MNOP")
@click.argument("fingerprint")
def sync_trust(fingerprint: str) -> None:
    """On a class server: confirm the centre's fingerprint, typed from the paper or from the telephone."""
    from app import clock
    from app.sync import joining

    config, _ = node()
    try:
        found = joining.confirm(config.folder, now=clock.now(), typed=fingerprint)
    except DomainError as refused:
        refuse(str(refused))
    click.echo(f"Bundles of {found.title} are taken from now on.")


@sync_group.command(name="line", epilog="Example: sabaq sync line https://sabaq.example.kz")
@click.argument("address", default="")
def sync_line(address: str) -> None:
    """On a class server: it has a line to the centre at this address from now on; without an address it has none."""
    from app.sync import joining

    config, _ = node()
    try:
        found = joining.change_address(config.folder, address)
    except DomainError as refused:
        refuse(str(refused))
    click.echo(f"The centre is asked at {found.address}." if found.address else "No line: exchanges go by stick.")


@sync_group.command(name="accept", epilog="Example: sabaq sync accept --request /media/stick/sabaq-join-class-korday.json --fingerprint ABCD-EFGH-IJKL-MNOP")
@click.argument("name", required=False, default="")
@click.option("--request", "request_file", type=click.Path(exists=True, path_type=Path), help="Take a request from this file first.")
@click.option("--answer", "answer_file", type=click.Path(path_type=Path), help="Write the answer to this file, for the way back.")
@click.option("--fingerprint", default="", help="As the class reads it to you; without it nothing is accepted yet.")
def sync_accept(name: str, request_file: Path | None, answer_file: Path | None, fingerprint: str) -> None:
    """At the centre: take a class server's request, and accept it when the fingerprint is the one the class reads to you."""
    from app import clock
    from app.sync import joining, keys
    from app.work import work

    config, database = node()
    _know_itself(config, database)
    own, now, answer = keys.load_or_make(config.folder), clock.now(), b""
    try:
        with work(database) as db:
            if request_file:
                data = request_file.read_bytes()
                asked, secret = joining.take_request(db, data, way="stick", now=now)
            else:
                asked = joining.open_request(db, name)
            accepted = bool(fingerprint)
            if accepted and asked.accepted is None:
                joining.accept(db, asked, by=None, now=now, typed=fingerprint)
            shown, state = asked.fingerprint, asked.accepted
            if request_file:
                answer = joining.answer(db, data, secret, keys=own, now=now)
        if answer and answer_file:
            answer_file.write_bytes(answer)
    except (DomainError, OSError) as refused:
        refuse(str(refused))
    click.echo(f"Fingerprint of the class server: {shown}\nFingerprint of this centre:       {own.public.fingerprint}")
    click.echo({None: "Compare by telephone, then say it again with --fingerprint.", True: "It has joined.", False: "It was turned down before."}[state])


@sync_group.command(name="revoke", epilog="Example: sabaq sync revoke class-korday --why 'stolen on 21 November, police report 114'")
@click.argument("name")
@click.option("--why", required=True, help="What happened; stands in the record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def sync_revoke(name: str, why: str, yes: bool) -> None:
    """At the centre: trust a class server no more. What comes with its key from now on goes to quarantine."""
    from app import clock
    from app.sync import joining
    from app.work import work

    yes or click.confirm(f"Revoke {name}? Its key is never trusted again.", abort=True)
    _, database = node()
    try:
        with work(database) as db:
            joining.revoke(db, joining.named(db, name), why=why, by=None, now=clock.now())
    except DomainError as refused:
        refuse(str(refused))
    click.echo(f"{name} is revoked. Next: sabaq sync invite --replaces {name} --help")


@sync_group.command(name="release", epilog="Example: sabaq sync release class-korday --user-name alang --reason 'checked with the trainer, all papers agree'")
@click.argument("name")
@click.option("--user-name", required=True, help="Who says it; the password is asked for.")
@click.option("--reason", required=True, help="What was checked, and with whom.")
@click.option("--refuse", "keep_out", is_flag=True, help="It stays out.")
def sync_release(name: str, user_name: str, reason: str, keep_out: bool) -> None:
    """At the centre: one person's word about what a revoked class server sent. Two different people let it in."""
    from app import clock
    from app.people import credentials
    from app.sync import joining
    from app.work import work

    config, database = node()
    credentials.use_pepper(config.PEPPER)
    password = click.prompt("Password", hide_input=True)
    try:
        with database.sessions() as db:
            person, stored = joining.releaser(db, user_name, name, today=clock.now().date())
        if person is None or not credentials.check_password(password, stored, clock.now()):
            refuse("The password does not fit this name, or the name may not release quarantine.")
        with work(database, person) as db:
            found = joining.named(db, name)
            held = joining.quarantine(db, found)
            let_in = held is not None and joining.say_of_quarantine(
                db, found, hash=held.last, release=not keep_out, reason=reason, by=person, now=clock.now(),
            )
    except DomainError as refused:
        refuse(str(refused))
    if held is None:
        refuse(f"Nothing of {name} is in quarantine.")
    click.echo("Two people have looked at it: it counts now." if let_in else "Noted." if keep_out else "Noted. A second person must say the same before it counts.")


@sync_group.command(name="export", epilog="Example: sabaq sync export /media/KINGSTON")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--to", default="", help="Short name of the receiver; the centre, on a class server. At the centre without it: every class server.")
@as_json
def sync_export(path: Path, to: str, json_output: bool) -> None:
    """Write what the other side lacks onto a stick (a folder), or into one file (a name that ends with .sabaq).

    Every byte is read back. Said again after the stick was pulled out, it goes on where it stopped. Exit code 0: safe to remove.
    """
    from app import clock
    from app.sync import courier, stick

    here = _courier()
    now = clock.now()
    try:
        receivers = [to] if to else [courier.centre_of(here)] if here.config.ROLE == "classroom" else courier.joined(here)
        if path.suffix == stick.SUFFIX and len(receivers) != 1:
            refuse("One file has one receiver: say --to.")
        done = []
        for code in receivers:
            ticket, step = f"terminal-{now:%Y%m%d}", _steps()
            if path.suffix == stick.SUFFIX:
                done.append(courier.as_file(here, path, to=code, ticket=ticket, now=now, step=step))
            else:
                done.append(courier.hand_over(here, stick.folder(path), to=code, ticket=ticket, now=now, step=step))
    except (DomainError, OSError) as refused:
        refuse(str(refused))
    if json_output:
        click.echo(json.dumps([one.as_json() for one in done]))
        return
    for one in done:
        click.echo(f"For {one.made.peer}: {one.written.path}, {one.written.size} bytes, SHA-256 {one.written.sha256}")
    click.echo("It is safe to remove the stick." if done else "No class server has joined yet: there is nobody to write for.")


@sync_group.command(name="import", epilog="Example: sabaq sync import /media/KINGSTON")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def sync_import(path: Path, yes: bool, json_output: bool) -> None:
    """Show what is on a stick (or in a file), take it, and at the centre write the answers on the same stick.

    Exit code 0: everything for this node was taken. 1: something was refused or is missing; the text says what.
    """
    from app import clock
    from app.sync import courier, stick

    here = _courier()
    now, onto = clock.now(), stick.folder(path) if path.is_dir() else None
    visit = courier.Visit()
    try:
        found = courier.look(here, stick.files(path) if onto else [path])
        for one in found if not json_output else ():
            click.echo(courier.in_a_line(one))
        chosen = [one.path for one in found if one.useful] or [one.path for one in found if one.ready][-1:]
        if chosen:
            yes or json_output or click.confirm("Take what is for this node?", abort=True)
            visit = courier.take_all(here, chosen, now=now, step=_steps())
            if onto and here.config.ROLE == "centre":
                courier.answer(here, onto, visit, ticket=f"terminal-{now:%Y%m%d%H%M%S}", now=now, step=_steps())
    except DomainError as refused:
        refuse(str(refused))
    if json_output:
        click.echo(json.dumps(visit.as_json() | {"unusable": [{"file": one.path.name, "why": courier.plain(one.wrong)} for one in found if one.wrong]}))
    else:
        for outcome in visit.outcomes:
            click.echo(f"From {outcome.sender}: {courier.plain(outcome.sentence)}")
        for file, why in visit.refused:
            click.echo(f"{file.name}: {courier.plain(why)}", err=True)
        for answer in visit.answers:
            click.echo(f"Answer for {answer.made.peer}: {answer.written.path}")
        click.echo("Nothing on it can be taken here." if not chosen else "It is safe to remove the stick." if onto else "")
    sys.exit(bool(visit.refused or not chosen or any(outcome.missing for outcome in visit.outcomes)))


def _courier() -> Any:
    from app import i18n
    from app.sync import courier, keys

    config, database = node()
    i18n.at_home(config.ZONE, config.DEFAULT_LANGUAGE)
    return courier.Here(database, config, keys.load_or_make(config.folder))


def _steps() -> Callable[[str, int, int], None]:
    """Shows how far a step is, where a person sits before the terminal."""
    shown = ""

    def step(name: str, done: int, whole: int) -> None:
        nonlocal shown
        line = f"{name} {done * 100 // max(whole, 1)} %"
        if line != shown and sys.stderr.isatty():
            click.echo(f"\r{line:24}", err=True, nl=done >= whole)
        shown = line

    return step


COMMANDS = (init, run, web, jobs, doctor, demo_command, demo_network_command, course_group, country_group, user_group, backup_group, cert_group, sync_group)


def install(app: Flask) -> None:
    """Offer the same commands as `flask --app wsgi …`."""
    for command in COMMANDS:
        app.cli.add_command(command)


def main() -> None:
    """The `sabaq` command."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # the date inside a bundled font is no news
    group = FlaskGroup(name="sabaq", help=__doc__, add_default_commands=False, add_version_option=False, create_app=_app)
    for command in COMMANDS:
        group.add_command(command)
    group(prog_name="sabaq")


if __name__ == "__main__":
    main()
