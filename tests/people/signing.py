"""What tests of signing in need: a clock that is set by hand, PINs, accounts, and browsers of enrolled seats."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.ids import new_id
from app.offices.models import Classroom, Office, Seat
from app.offices.seats import enrol_seat
from app.people import credentials, signing_in
from app.people.models import Person, Pin, SignIn
from tests import factories

PIN = "481026"
PASSWORD = "four quiet lamps by noon"


class ByHand(clock.Clock):
    """A clock that stands still until the test moves it."""

    def __init__(self, at: datetime | None = None) -> None:
        super().__init__()
        self.at = at or datetime(2026, 11, 24, 4, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def passes(self, **length: float) -> None:
        """So much time goes by."""
        self.at += timedelta(**length)


def give_pin(db: Session, person: Person, digits: str = PIN, *, days: float = 5, run_id: Any = None) -> Pin:
    """A PIN for the next days."""
    now = clock.now()
    pin = signing_in.issue_pin(
        db, person_id=person.id, run_id=run_id or new_id(), pin_hash=credentials.hash_pin(digits), valid_from=now,
        valid_to=now + timedelta(days=days), issued_by=None, now=now,
    )
    db.commit()
    return pin


def give_password(db: Session, person: Person, user_name: str | None = None, password: str = PASSWORD) -> None:
    """A password of his own."""
    signing_in.set_password(
        db, person_id=person.id, password_hash=credentials.hash_password(password), user_name=user_name, now=clock.now()
    )
    db.commit()


def seat_of(db: Session, office: Office | None = None) -> Seat:
    """A seat of a classroom."""
    room: Classroom = factories.make_classroom(db, office)
    return db.scalars(sa.select(Seat).where(Seat.classroom_id == room.id).order_by(Seat.label)).first()  # type: ignore[return-value]


def browser_at(app: Flask, db: Session, seat: Seat) -> FlaskClient:
    """A browser that was enrolled as a seat."""
    admin = factories.make_person(db)
    token = enrol_seat(db, seat_id=seat.id, replaces=None, enrolled_by=admin.id, now=clock.now())
    db.commit()
    client = app.test_client()
    with app.test_request_context():
        from app.offices.views import _cookie, _signer

        client.set_cookie(_cookie(), _signer().dumps(token))
    return client


def types_pin(client: FlaskClient, person: Person, pin: str = PIN, **more: str) -> Any:
    """Send the form of a seat."""
    form = {"agency": str(person.agency_id), "service_number": person.service_number, "pin": pin} | more
    return client.post("/sign-in/pin", data=form)


def types_password(client: FlaskClient, name: str, password: str = PASSWORD, **more: str) -> Any:
    """Send the form for a password."""
    return client.post("/sign-in/password", data={"name": name, "password": password} | more)


def is_in(client: FlaskClient) -> bool:
    """Whether this browser is signed in."""
    return bool(client.get("/settings").status_code == 200)


def open_sign_ins(db: Session, person: Person) -> int:
    """How many sign-ins of a person have not ended."""
    db.expire_all()
    return db.scalar(sa.select(sa.func.count()).where(SignIn.person_id == person.id, SignIn.ended_at.is_(None))) or 0


def as_seen(page: str, *typed: str) -> str:
    """A page without its random token and without what was typed: what it tells somebody who guesses."""
    page = re.sub(r'name="csrf_token"[^>]*>', "", page)
    for text in typed:
        page = page.replace(text, "…")
    return page
