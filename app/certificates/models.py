"""Tables of certificates: blocks of numbers, certificates with frozen facts, what happened to them, printed files."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Fact, Record, Stays


class NumberBlock(Record, Base):
    """Numbers that the centre gave to a node, so that it can issue without a line."""

    __tablename__ = "number_block"
    __table_args__ = (sa.UniqueConstraint("country_code", "year", "first"),)
    country_code: Mapped[str] = mapped_column(sa.String(2))
    year: Mapped[int]
    first: Mapped[int]
    last: Mapped[int]
    given_to: Mapped[str] = mapped_column(sa.String(40))  # node name
    given_at: Mapped[datetime]
    closed_at: Mapped[datetime | None] = mapped_column(default=None)  # its unused end is listed as unused


class SigningKey(Record, Base):
    """A public key that certificates are checked with. The private half is a file of the node, never in a table."""

    __tablename__ = "signing_key"
    key_id: Mapped[str] = mapped_column(sa.String(16), unique=True)  # printed in the payload
    node: Mapped[str] = mapped_column(sa.String(40))
    public_key: Mapped[str]  # Ed25519, base64
    made_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


class Signatory(Record, Base):
    """Who signs certificates of an office: name and title as printed, by language."""

    __tablename__ = "signatory"
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)
    names: Mapped[dict[str, str]]
    titles: Mapped[dict[str, str]]
    position: Mapped[int]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class Certificate(Record, Base):
    """A certificate. Its facts are frozen at issue; later changes of names or templates do not touch it."""

    __tablename__ = "certificate"
    __table_args__ = (sa.UniqueConstraint("country_code", "year", "serial"),)
    number: Mapped[str] = mapped_column(sa.String(24), unique=True)  # KZ-2026-000123-7
    country_code: Mapped[str] = mapped_column(sa.String(2))
    year: Mapped[int]
    serial: Mapped[int]
    block_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("number_block.id"))
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"), index=True)
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)  # that issued it
    kind: Mapped[str] = mapped_column(sa.String(12))  # completed | participated
    state: Mapped[str] = mapped_column(sa.String(12), default="issued")  # issued | suspended | revoked | replaced | voided
    facts: Mapped[dict[str, Any]]  # certificates.rules.Facts as JSON
    payload: Mapped[str]  # what the QR code holds after the address: signed, checked without a network
    key_id: Mapped[str] = mapped_column(sa.String(16))
    random_key_hash: Mapped[str] = mapped_column(sa.String(64))  # the address's random key
    issued_at: Mapped[datetime]
    issued_by: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("certificate.id"), default=None)


class CertificateEvent(Fact, Base):
    """One change of a certificate's state: who, when, why."""

    __tablename__ = "certificate_event"
    certificate_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("certificate.id"), index=True)
    state: Mapped[str] = mapped_column(sa.String(12))
    at: Mapped[datetime]
    by: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str]


class Paper(Stays, Base):
    """A printed file kept by its SHA-256: a later download gives the same bytes."""

    __tablename__ = "paper"
    __table_args__ = (sa.UniqueConstraint("certificate_id", "stamp"),)
    certificate_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("certificate.id"))
    stamp: Mapped[str] = mapped_column(sa.String(12), default="")  # "" as issued; revoked, replaced …: another file
    sha256: Mapped[str] = mapped_column(sa.String(64))
    made_at: Mapped[datetime]
