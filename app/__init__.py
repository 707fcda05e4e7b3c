"""Sabaq: computer-based training for border services. create_app is the table of contents of the product."""

from __future__ import annotations

from flask import Flask
from flask_compress import Compress
from jinja2 import StrictUndefined

from app import assets, clock, http, i18n, lists, navigation, sheets
from app.calendars import views as calendars
from app.certificates import views as certificates
from app.classday import seating as class_seats
from app.classday import views as classday
from app.courses import views as courses
from app.db import Database, make_engine
from app.feedback import views as feedback
from app.notices import views as notices
from app.offices import tree_views as tree
from app.offices import views as offices
from app.online import views as online
from app.ops import date_views, demo, job_views
from app.ops import views as ops
from app.people import credentials, merging_views, register_import, register_views, signing_in
from app.people import views as people
from app.planning import views as planning
from app.quizzes import queries as attempts
from app.quizzes import views as quizzes
from app.reports import views as reports
from app.runs import queries as runs_now
from app.runs import views as runs
from app.schedule import views as schedule
from app.storage import Storage
from app.sync import (
    erasing_views,
    handover_views,
    intake_views,
    joining_views,
    journal,
    node_views,
    stick_views,
    wire_views,
)
from app.sync import views as exchange
from app.trainers import views as trainers
from config import Config


def create_app(config: Config, database: Database | None = None) -> Flask:
    """One node's web application."""
    app = Flask(__name__, static_folder=None)
    app.config.from_object(config)
    app.config.update(COOKIE=config.cookie, FOLDER=config.folder, PUBLIC=config.public_url)
    app.jinja_options = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    app.extensions["sabaq.config"] = config
    database = database or open_database(config)
    credentials.use_pepper(config.PEPPER)

    for folder in (ops, offices, tree, people, register_views, register_import, courses, quizzes, reports, feedback, runs, schedule, planning, trainers, classday, certificates, online, notices, calendars, job_views, date_views, lists, exchange, stick_views, handover_views):
        app.register_blueprint(folder.bp)

    app.jinja_env.globals.update(revoked_here=lambda: False, accounts_page=lambda: "", date_doubted=date_views.doubted)  # a class server has the first two
    if config.ROLE == "classroom":
        joining_views.install(app, database)
        app.register_blueprint(exchange.line_bp)
    else:
        for part in (node_views, wire_views, intake_views, merging_views, erasing_views):
            app.register_blueprint(part.bp)
    assets.install(app, config.folder / "static")
    i18n.install(app)
    navigation.install(app)
    app.jinja_env.globals.update(now=clock.now, words=sheets.words)
    app.jinja_env.globals["demo_data"] = demo.is_demo(config)
    app.config["COMPRESS_LEVEL"] = 3  # a page grows by a twentieth and costs half the time
    Compress(app)  # pages; static files are compressed once, at start
    neighbours = signing_in.Neighbours(
        has_open_attempt=attempts.has_open_attempt,
        on_now=lambda db, room, today: i18n.pick(runs_now.on_now(db, room, today) or {}) or None,
        place_of=class_seats.place_of,
    )
    http.install(app, database, neighbours)  # last: wraps every view registered above
    return app


def open_database(config: Config) -> Database:
    """The node's database, with every travelling change noted."""
    database = Database(make_engine(config.database_url), config.NODE, Storage(config.folder / "write-failed.txt"), config.ROLE)
    journal.keep(database.sessions)
    return database
