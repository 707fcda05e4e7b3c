"""Rows of notices and mails for tests."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.errors import say
from app.ids import new_id
from app.notices import services
from app.notices.models import Mail, Notice
from app.notices.rules import When
from app.offices.models import Office
from app.people.models import Person
from tests.factories import a_moment, added, make_office, make_person

MORNING = When(a_moment(), a_moment(4 / 24), "Asia/Almaty")
"""09:00 to 13:00 in Almaty."""


def make_notice(db: Session, person: Person, what: str = "seat-given", at: datetime | None = None, **values: Any) -> Notice:
    """Something that somebody is told."""
    detail = {"title": {"en": "Vehicle search", "ru": "Досмотр автомобилей"}, "when": MORNING, "place": "Room 2"}
    notice = services.tell(db, person.id, what, values.pop("detail", detail), values.pop("link", "/learn"), at or a_moment(), **values)
    assert notice is not None
    return notice


def make_mail(db: Session, person: Person | None = None, office: Office | None = None, **values: Any) -> Mail:
    """A mail that waits in an outbox."""
    office = office or make_office(db)
    person = person or make_person(db, office, email="bekova@border.example")
    defaults: dict[str, Any] = {
        "batch": new_id(), "title": "S-2026-0412", "address": person.email, "subject": "Досмотр автомобилей", "body": "Добрый день!\n",
        "message_id": f"<{uuid.uuid4()}@test>", "made_at": a_moment(),
    }
    return added(db, Mail(person_id=person.id, office_id=office.id, **(defaults | values)))


COMING = say("test", "You teach {title}: {when}.", title={"en": "Vehicle search", "ru": "Досмотр автомобилей"}, when=MORNING)
