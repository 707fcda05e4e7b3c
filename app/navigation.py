"""The sections of the staff header, in order: which exist, and who sees them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from app.errors import Message, say
from app.http import can


@dataclass(frozen=True)
class Section:
    """One entry of the header."""

    key: str
    endpoint: str
    action: str  # of policy.POLICY
    label: Message
    letter: str  # g + letter goes there


SECTIONS = (
    Section("class", "classday.index", "class.day", say("section", "Class day"), "d"),
    Section("runs", "runs.index", "run.list", say("section", "Runs"), "r"),
    Section("planning", "planning.index", "session.list", say("section", "Planning"), "l"),
    Section("people", "register.index", "person.list", say("section", "People"), "p"),
    Section("offices", "tree.index", "office.list", say("section", "Offices"), "o"),
    Section("courses", "courses.index", "course.list", say("section", "Courses"), "c"),
    Section("certificates", "certificates.index", "certificate.list", say("section", "Certificates"), "z"),
    Section("exchange", "exchange.index", "exchange.see", say("section", "Exchange"), "x"),
    Section("reports", "reports.index", "report.progress", say("section", "Reports"), "e"),
)


def sections() -> list[Section]:
    """The sections that who asks may open and that this node has."""
    return [section for section in SECTIONS if section.endpoint in current_app.view_functions and can(section.action)]


def install(app: Flask) -> None:
    """Give the base page its sections."""
    app.jinja_env.globals["sections"] = sections
