"""Signing in: who may, from where, how wrong tries are counted, when a sign-in ends.

A sign-in with a PIN or a password has three parts, in this order:
1. read: `with_pin` or `with_password` gives a Candidate (the same for an unknown account, only without hashes), and
   `may_try` refuses while a delay runs;
2. check: `credentials.which_pin` or `check_password`, slow, with no transaction open;
3. write: `sign_in_with_pin` or `sign_in_with_password`, short, looks again under the lock and gives the token.
Whoever calls writes `failed` or `forgive` afterwards in a transaction of its own, so that it survives a refusal.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Invalid, Message, NotFound, Throttled, say
from app.ids import new_id, new_token, token_hash
from app.offices.models import Agency, Country, Office
from app.offices.seats import SeatHere
from app.people import credentials, rules, totp
from app.people.models import Account, Person, PersonName, Pin, Posting, Preference, RoleGrant, SignIn, Throttle
from app.people.queries import Settings, Who
from app.people.rules import Count, Ended, Pace
from app.policy import Grant, Role

SEEN_EVERY = timedelta(seconds=60)
PENDING_FOR = timedelta(minutes=10)
START_PASSWORD_FOR = timedelta(days=14)


@dataclass(frozen=True)
class SlipPlace:
    """What a seat is to whoever signs in there: `refused` why his slip does not work here, `hint` where his own seat is."""

    refused: Message | None = None
    hint: Message | None = None


@dataclass(frozen=True)
class Neighbours:
    """What signing in asks of the folders above it; create_app hands it over, so that people imports none of them."""

    has_open_attempt: Callable[[Session, uuid.UUID], bool] = lambda _db, _person: False
    on_now: Callable[[Session, uuid.UUID, date], str | None] = lambda _db, _classroom, _today: None  # the run in a room
    # Where the slip of a run is for, when it is used at a seat of another office (then refused) or at another seat (a hint).
    place_of: Callable[[Session, uuid.UUID, uuid.UUID, SeatHere], SlipPlace] = lambda _db, _run, _person, _seat: SlipPlace()


# ---- who it may be ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """Who the typed name may be, as plain values that outlive the transaction."""

    key: str  # what wrong tries are counted by
    person_id: uuid.UUID | None = None
    pins: tuple[tuple[uuid.UUID, str], ...] = ()  # id and hash; those that hold first, then the newest
    password_hash: str | None = None

    @property
    def pin_hashes(self) -> list[str]:
        """The hashes alone."""
        return [stored for _id, stored in self.pins]


def with_pin(db: Session, *, agency_id: uuid.UUID | None, service_number: str, now: datetime) -> Candidate:
    """The person of an agency with this service number, and the PINs that he could use now."""
    meant = _meant(service_number)
    person = db.scalar(
        _people(now.date())
        .where(Person.agency_id == agency_id, Person.service_number.in_(meant))
        .order_by(sa.case({number: place for place, number in enumerate(meant)}, value=Person.service_number))
        .limit(1)
    )
    if person is None:
        return Candidate(_key(f"{agency_id}\0{service_number}"))
    pins = db.execute(
        sa.select(Pin.id, Pin.pin_hash)
        .where(Pin.person_id == person)
        .order_by(sa.case((sa.and_(*_live(now)), 0), else_=1), Pin.issued_at.desc())
        .limit(credentials.PINS_CHECKED)
    )
    return Candidate(_key(str(person)), person, tuple((pin, stored) for pin, stored in pins))


def _meant(typed: str) -> list[str]:
    """The numbers that somebody at a PC may mean, the very one first. A number of the class ("W-2026-0008-21") needs no letter and no
    dashes: a keyboard set to Cyrillic has no W, and number keys must be enough.
    """
    typed = typed.strip()
    of_class = re.fullmatch(r"[^\W\d]?-?(\d{4})-?(\d{4})-?(\d+)", typed)
    return list(dict.fromkeys([typed, typed.upper(), *(["W-" + "-".join(of_class.groups())] if of_class else [])]))


@dataclass(frozen=True)
class Slip:
    """The run of a PIN that was found right, and whether it holds."""

    run_id: uuid.UUID
    valid_from: datetime
    valid_to: datetime
    ended: bool  # a newer slip was given, or he is no longer in the run

    def refuse(self, now: datetime, *, zone: str, who: str) -> None:
        """Raises Invalid for a PIN that does not hold now: which days it holds, and who gives a new one."""
        first, last = (moment.astimezone(ZoneInfo(zone)).date() for moment in (self.valid_from, self.valid_to - timedelta(seconds=1)))
        if now < self.valid_from or now >= self.valid_to:
            raise Invalid(fields={"pin": say("signin", "This PIN holds from {first} to {last} only. {who} prints a new slip.", first=first, last=last, who=who)})
        if self.ended:
            raise Invalid(fields={"pin": say("signin", "This slip does not hold any more. Use the newest one; {who} prints another.", who=who)})


def slip_of(db: Session, pin_id: uuid.UUID) -> Slip:
    """What a PIN is for."""
    row = db.execute(sa.select(Pin.run_id, Pin.valid_from, Pin.valid_to, Pin.ended_at.is_not(None)).where(Pin.id == pin_id)).one()
    return Slip(*row)


def with_password(db: Session, *, name: str, agency_id: uuid.UUID | None, now: datetime) -> Candidate:
    """The person with this user name; else the one with this service number, of the agency where one is chosen."""
    name = name.strip()
    by_number = [Person.service_number == name] + ([Person.agency_id == agency_id] if agency_id else [])
    rows = db.execute(
        _people(now.date())
        .add_columns(Account.password_hash, Account.user_name)
        .where(Account.password_hash.is_not(None), sa.or_(Account.user_name == name.casefold(), sa.and_(*by_number)))
        .limit(3)
    ).all()
    named = [row for row in rows if row.user_name == name.casefold()] or rows
    if len(named) != 1:  # nobody, or several agencies count alike: then the agency must be chosen
        return Candidate(_key(f"{agency_id}\0{name.casefold()}"))
    return Candidate(_key(str(named[0].id)), named[0].id, password_hash=named[0].password_hash)


def candidate_of(person_id: uuid.UUID, password_hash: str | None = None) -> Candidate:
    """Somebody who is known already, so that his further tries are counted with the others."""
    return Candidate(_key(str(person_id)), person_id, password_hash=password_hash)


def _people(today: date) -> sa.Select[uuid.UUID]:
    """People who may sign in at all."""
    return (
        sa.select(Person.id)
        .select_from(Person)
        .outerjoin(Account, Account.person_id == Person.id)
        .where(sa.or_(Person.left_on.is_(None), Person.left_on > today), Account.disabled_at.is_(None))
    )


def _live(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (Pin.ended_at.is_(None), Pin.valid_from <= now, Pin.valid_to > now)


def _key(who: str) -> str:
    return credentials.keyed("throttle", who)[:32]


# ---- wrong tries -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """One try to sign in, as far as delays go."""

    key: str
    place: str  # "seat:<id>" or "address:<ip>"
    trusted: bool = False  # an enrolled seat, or an address where this account has signed in before

    @property
    def account_here(self) -> str:
        """The account at this place."""
        return f"account:{self.key}@{self.place}"[:120]

    @property
    def paces(self) -> dict[str, Pace]:
        """All three counters of this try and how fast each slows down."""
        at_seat = self.place.startswith("seat:")
        return {
            f"account:{self.key}": rules.ACCOUNT,
            f"place:{self.place}"[:120]: rules.SEAT if at_seat else rules.ADDRESS,
            self.account_here: rules.ACCOUNT_HERE,
        }

    @property
    def asked(self) -> dict[str, Pace]:
        """The counters that can delay this try: a trusted place is not delayed by what others do elsewhere."""
        return {s: pace for s, pace in self.paces.items() if not (self.trusted and s == f"account:{self.key}")}


def the_try(db: Session, candidate: Candidate, *, seat_id: uuid.UUID | None, address: str) -> Try:
    """A try of this candidate from an enrolled seat, or from an address."""
    known = sa.select(SignIn.id).where(SignIn.person_id == candidate.person_id, SignIn.address == address).limit(1)
    if seat_id:
        return Try(candidate.key, f"seat:{seat_id}", trusted=True)
    return Try(candidate.key, f"address:{address}", trusted=db.scalar(known) is not None)


def may_try(db: Session, tried: Try, now: datetime) -> None:
    """Raises Throttled while a delay runs. A refused try is not looked at and does not lengthen the delay."""
    seconds = longest_wait(db, tried, now)
    if seconds:
        raise Throttled(seconds)


def longest_wait(db: Session, tried: Try, now: datetime) -> int:
    """Seconds until the next try counts."""
    counts = _counts(db, tried.asked)
    return max(rules.wait(counts.get(subject, Count()), pace, now) for subject, pace in tried.asked.items())


def wait_after_this(db: Session, tried: Try, now: datetime) -> int:
    """Seconds that the next try will wait when this one is wrong too."""
    counts = _counts(db, tried.asked)
    after = {s: rules.after_failure(counts.get(s, Count()), pace, now) for s, pace in tried.asked.items()}
    return max(rules.wait(after[subject], pace, now) for subject, pace in tried.asked.items())


def failed(db: Session, tried: Try, now: datetime) -> int:
    """Count a wrong try; gives the seconds until the next one counts."""
    _make_rows(db, tried.paces, now)
    rows = db.scalars(sa.select(Throttle).where(Throttle.subject.in_(tried.paces)).order_by(Throttle.subject).with_for_update())
    for row in rows:
        after = rules.after_failure(Count(row.failures, row.next_at), tried.paces[row.subject], now)
        row.failures, row.next_at = after.failures, after.next_at or now
    db.execute(sa.delete(Throttle).where(Throttle.next_at < now - timedelta(days=1)))
    db.flush()
    return longest_wait(db, tried, now)


def forgive(db: Session, tried: Try) -> None:
    """The right PIN or password came: the account's wrong tries are forgotten, the place's are not."""
    mine = [subject for subject in tried.paces if subject.startswith("account:")]
    db.execute(sa.delete(Throttle).where(Throttle.subject.in_(mine)))


def _counts(db: Session, subjects: Iterable[str]) -> dict[str, Count]:
    rows = db.execute(sa.select(Throttle.subject, Throttle.failures, Throttle.next_at).where(Throttle.subject.in_(list(subjects))))
    return {subject: Count(failures, next_at) for subject, failures, next_at in rows}


def _make_rows(db: Session, subjects: Iterable[str], now: datetime) -> None:
    """Rows to count in, where there are none; two that make the same one at once both find it."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"id": new_id(), "subject": subject, "failures": 0, "next_at": now} for subject in sorted(subjects)]
    db.execute(insert(Throttle).values(rows).on_conflict_do_nothing())


# ---- signing in and out ----------------------------------------------------------------------------------------------


def sign_in_with_pin(
    db: Session, *, candidate: Candidate, pin_id: uuid.UUID, seat_id: uuid.UUID, address: str, browser: str, now: datetime
) -> str:
    """Sign a trainee in at an enrolled seat after his PIN was found right; gives the token. Ends his other sign-ins.

    Refused: Invalid, when the PIN was ended or the person disabled in the meantime.
    """
    take_write_lock(db)
    still = db.scalar(sa.select(Pin.person_id).where(Pin.id == pin_id, Pin.person_id == candidate.person_id, *_live(now)))
    if still is None or db.scalar(_people(now.date()).where(Person.id == still)) is None:
        raise Invalid()
    end_sign_ins(db, person_id=still, why=Ended.ELSEWHERE, now=now, kind=None if not is_staff(db, still, now.date()) else "pin")
    return _begin(db, person_id=still, kind="pin", seat_id=seat_id, address=address, browser=browser, now=now)


def sign_in_with_password(
    db: Session, *, person_id: uuid.UUID, proof: str, seat_id: uuid.UUID | None, address: str, browser: str, now: datetime
) -> str:
    """Sign somebody in after his password, and his code where one is asked, were found right; gives the token.

    `proof` is the fingerprint of the password hash that was checked. Refused: Invalid, when the password was changed
    or the person disabled in the meantime, or when it is a start password, which serves for nothing but a new one.
    """
    take_write_lock(db)
    stored = db.scalar(_people(now.date()).with_only_columns(Account.password_hash).where(Person.id == person_id))
    if stored is None or credentials.is_start(stored) or credentials.fingerprint(stored) != proof:
        raise Invalid()
    if not is_staff(db, person_id, now.date()):
        end_sign_ins(db, person_id=person_id, why=Ended.ELSEWHERE, now=now)
    return _begin(db, person_id=person_id, kind="password", seat_id=seat_id, address=address, browser=browser, now=now)


def _begin(
    db: Session, *, person_id: uuid.UUID, kind: str, seat_id: uuid.UUID | None, address: str, browser: str, now: datetime
) -> str:
    token = new_token()
    db.add(
        SignIn(
            person_id=person_id, token_hash=token_hash(token), kind=kind, seat_id=seat_id, address=address[:60],
            browser=browser[:200], started_at=now, seen_at=now,
        )
    )
    db.flush()
    return token


def sign_out(db: Session, *, sign_in_id: uuid.UUID, now: datetime, why: Ended = Ended.SIGNED_OUT) -> None:
    """End one sign-in: its cookie is worth nothing from the next request on."""
    take_write_lock(db)
    db.execute(sa.update(SignIn).where(SignIn.id == sign_in_id, SignIn.ended_at.is_(None)).values(ended_at=now, ended_why=why.value))


def lock(db: Session, *, sign_in_id: uuid.UUID, now: datetime) -> None:
    """Lock the pages of a sign-in: from the next request on nothing of it opens but the field for the password."""
    take_write_lock(db)
    db.execute(sa.update(SignIn).where(SignIn.id == sign_in_id, SignIn.locked_at.is_(None)).values(locked_at=now))


def unlock(db: Session, *, sign_in_id: uuid.UUID, now: datetime) -> None:
    """Open them again, after the password was found right; his idle time begins anew."""
    take_write_lock(db)
    db.execute(sa.update(SignIn).where(SignIn.id == sign_in_id).values(locked_at=None, seen_at=now))


def end_sign_ins(
    db: Session, *, person_id: uuid.UUID, why: Ended, now: datetime, keep: uuid.UUID | None = None, kind: str | None = None
) -> None:
    """End a person's sign-ins at this node, all but `keep`, or all of one kind. For whoever takes a right away."""
    take_write_lock(db)
    which = [SignIn.person_id == person_id, SignIn.ended_at.is_(None)]
    if keep:
        which.append(SignIn.id != keep)
    if kind:
        which.append(SignIn.kind == kind)
    db.execute(sa.update(SignIn).where(*which).values(ended_at=now, ended_why=why.value))


def saw(db: Session, sign_in_id: uuid.UUID, now: datetime) -> None:
    """The person works: his idle time begins again."""
    db.execute(sa.update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=now))


def over(who: Who, *, held: Iterable[str] | None, now: datetime, has_open_attempt: Callable[[], bool]) -> Ended | None:
    """Whether this sign-in is over: a role held at its beginning is gone, or nobody has worked at it for too long."""
    if held is not None and not set(held) <= set(held_roles(who.grants)):
        return Ended.ROLE
    why = rules.over(staff=who.staff, started_at=who.started_at, seen_at=who.seen_at, now=now)
    return why if why and not has_open_attempt() else None


def held_roles(grants: Iterable[Grant]) -> list[str]:
    """The roles as the cookie remembers them from the sign-in: short hashes, so that it tells nobody anything."""
    return [token_hash(f"{grant.role}{grant.path}")[:12] for grant in grants]


def how_it_ended(db: Session, token: str) -> tuple[Ended, uuid.UUID] | None:
    """Why the sign-in with this token is over, and whose it was."""
    row = db.execute(sa.select(SignIn.ended_why, SignIn.person_id).where(SignIn.token_hash == token_hash(token))).first()
    return (Ended(row.ended_why or Ended.DISABLED), row.person_id) if row else None


def is_staff(db: Session, person_id: uuid.UUID, today: date) -> bool:
    """Whether the person holds any role but trainee today."""
    found = sa.select(RoleGrant.id).where(
        RoleGrant.person_id == person_id, RoleGrant.role != Role.TRAINEE.value, RoleGrant.valid_from <= today,
        sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today),
    )
    return db.scalar(found.limit(1)) is not None


# ---- PINs and passwords given to people ------------------------------------------------------------------------------


def issue_pin(
    db: Session, *, person_id: uuid.UUID, run_id: uuid.UUID, pin_hash: str, valid_from: datetime, valid_to: datetime,
    issued_by: uuid.UUID | None, now: datetime,
) -> Pin:
    """Give a person a PIN for the days of a run; the one he had for that run is dead at once.

    The caller makes the digits (`ids.new_pin()`) and the hash (`credentials.hash_pin(pin)`) before any lock is taken,
    prints the digits once and forgets them.
    """
    take_write_lock(db)
    db.execute(
        sa.update(Pin).where(Pin.person_id == person_id, Pin.run_id == run_id, Pin.ended_at.is_(None)).values(ended_at=now)
    )
    pin = Pin(
        person_id=person_id, run_id=run_id, pin_hash=pin_hash, valid_from=valid_from, valid_to=valid_to,
        issued_at=now, issued_by=issued_by,
    )
    db.add(pin)
    db.flush()
    return pin


def end_pins(db: Session, *, run_id: uuid.UUID, now: datetime, person_id: uuid.UUID | None = None) -> None:
    """End the PINs of a run, or of one person in it: when it closes, when he is withdrawn."""
    take_write_lock(db)
    whose = [Pin.run_id == run_id, Pin.ended_at.is_(None)] + ([Pin.person_id == person_id] if person_id else [])
    db.execute(sa.update(Pin).where(*whose).values(ended_at=now))


def set_password(
    db: Session, *, person_id: uuid.UUID, password_hash: str, now: datetime, user_name: str | None = None,
    keep: uuid.UUID | None = None, proof: str | None = None,
) -> Account:
    """Give a person this password at this node; all his other sign-ins end. `keep` is the one that he does it from.

    The hash comes from `credentials.hash_password(…)` or, for a first sign-in or a reset, `hash_start_password(…)`,
    made before the lock. `user_name` is given for staff. `proof` is the fingerprint of the hash that was checked
    before. Refused: Invalid, when the password has changed since, or when the user name is somebody else's.
    """
    take_write_lock(db)
    account = db.scalar(sa.select(Account).where(Account.person_id == person_id).with_for_update())
    if proof is not None and credentials.fingerprint(account.password_hash if account else None) != proof:
        raise Invalid(say("signin", "The password was changed in the meantime. Sign in again."))
    if user_name is not None:
        user_name = user_name.strip().casefold()
        taken = sa.select(Account.id).where(Account.user_name == user_name, Account.person_id != person_id)
        if db.scalar(taken) is not None:
            raise Invalid(fields={"user_name": say("signin", "Somebody else has this user name.")})
    if account is None:
        account = Account(person_id=person_id, user_name=None)
        db.add(account)
    account.user_name = user_name or account.user_name
    account.password_hash = password_hash
    end_sign_ins(db, person_id=person_id, why=Ended.PASSWORD, now=now, keep=keep)
    db.flush()
    return account


def hash_anew(db: Session, *, person_id: uuid.UUID, old: str, new: str) -> None:
    """The same password under today's costs. Nothing happens when it was changed in the meantime."""
    take_write_lock(db)
    db.execute(
        sa.update(Account).where(Account.person_id == person_id, Account.password_hash == old).values(password_hash=new)
    )


def disable(db: Session, *, person_id: uuid.UUID, now: datetime) -> None:
    """Let a person sign in no more at this node, with PIN or password; he is signed out at the next request."""
    take_write_lock(db)
    account = db.scalar(sa.select(Account).where(Account.person_id == person_id).with_for_update())
    if account is None:
        account = Account(person_id=person_id, user_name=None)
        db.add(account)
    account.disabled_at = account.disabled_at or now
    end_sign_ins(db, person_id=person_id, why=Ended.DISABLED, now=now)
    db.flush()


def enable(db: Session, *, person_id: uuid.UUID) -> None:
    """Let a person sign in again."""
    take_write_lock(db)
    account = db.scalar(sa.select(Account).where(Account.person_id == person_id).with_for_update())
    if account is not None:
        account.disabled_at = None
        db.flush()


def own_words(db: Session, person_id: uuid.UUID) -> list[str]:
    """What everybody knows of a person and a password must not be made of: names, user name, service number."""
    rows = db.execute(sa.select(PersonName.family, PersonName.given, PersonName.patronymic).where(PersonName.person_id == person_id))
    names = [part for row in rows for part in row if part]
    account = sa.select(Person.service_number, Account.user_name).outerjoin(Account, Account.person_id == Person.id)
    return names + [word for row in db.execute(account.where(Person.id == person_id)) for word in row if word]


# ---- second factor ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Secrets:
    """What a person's account asks for, as plain values."""

    password_hash: str | None = None
    user_name: str | None = None
    has_secret: bool = False
    recovery_codes: int = 0

    @property
    def proof(self) -> str:
        """Changes with the password."""
        return credentials.fingerprint(self.password_hash)


def secrets_of(db: Session, person_id: uuid.UUID) -> Secrets:
    """What a person's account asks for; nothing when he has none."""
    account = db.scalar(sa.select(Account).where(Account.person_id == person_id))
    if account is None:
        return Secrets()
    return Secrets(account.password_hash, account.user_name, account.totp_secret is not None, len(account.recovery_hashes))


def use_code(db: Session, *, person_id: uuid.UUID, code: str, now: datetime) -> bool:
    """Whether a code of the telephone app, or a recovery code, is right; it counts once."""
    take_write_lock(db)
    account = _account(db, person_id)
    secret = credentials.unsealed(account.totp_secret, person_id) if account.totp_secret else None
    step = totp.step_of(secret, code.replace(" ", ""), int(now.timestamp()), account.totp_last_step) if secret else None
    if step is not None:
        account.totp_last_step = step
    elif (used := credentials.recovery_hash(code)) in account.recovery_hashes:
        account.recovery_hashes = [known for known in account.recovery_hashes if known != used]
    else:
        return False
    db.flush()
    return True


def set_second_factor(db: Session, *, person_id: uuid.UUID, secret: bytes, code: str, now: datetime) -> list[str]:
    """Ask this person for codes of an app from now on; gives his recovery codes, which are shown this once.

    Refused: Invalid, when one is set up already (it is removed first), or when the code does not fit the secret.
    """
    take_write_lock(db)
    account = _account(db, person_id)
    step = totp.step_of(secret, code.replace(" ", ""), int(now.timestamp()))
    if account.totp_secret is not None:
        raise Invalid(say("signin", "A second step is set up already. Remove it first."))
    if step is None:
        raise Invalid(fields={"code": say("signin", "This code does not fit. Check the time of the telephone, then type the code shown now.")})
    account.totp_secret, account.totp_last_step = credentials.sealed(secret, person_id), step
    return _new_codes(db, account)


def renew_recovery_codes(db: Session, *, person_id: uuid.UUID) -> list[str]:
    """New recovery codes; the old ones are dead."""
    take_write_lock(db)
    return _new_codes(db, _account(db, person_id))


def remove_second_factor(db: Session, *, person_id: uuid.UUID) -> None:
    """Ask no code any more: before another telephone is set up, or when both telephone and codes are lost."""
    take_write_lock(db)
    account = _account(db, person_id)
    account.totp_secret, account.totp_last_step, account.recovery_hashes = None, None, []
    db.flush()


def _new_codes(db: Session, account: Account) -> list[str]:
    codes = credentials.new_recovery_codes()
    account.recovery_hashes = [credentials.recovery_hash(code) for code in codes]
    db.flush()
    return codes


def _account(db: Session, person_id: uuid.UUID) -> Account:
    account = db.scalar(sa.select(Account).where(Account.person_id == person_id).with_for_update())
    if account is None:
        raise NotFound()
    return account


# ---- what the sign-in page shows, what a person chose ----------------------------------------------------------------


@dataclass(frozen=True)
class AgencyChoice:
    """An agency on the sign-in page."""

    id: uuid.UUID
    names: dict[str, str]
    hint: dict[str, str]  # what its service numbers look like
    country: str  # code; told apart by it where agencies of several countries stand together


def agencies(db: Session, country_id: uuid.UUID | None = None) -> list[AgencyChoice]:
    """The agencies of a country, or all."""
    query = (
        sa.select(Agency.id, Agency.names, Agency.service_number_hint, Country.code)
        .join(Country, Country.id == Agency.country_id).order_by(Country.code, Agency.code)
    )
    if country_id:
        query = query.where(Agency.country_id == country_id)
    return [AgencyChoice(*row) for row in db.execute(query)]


def usual_agency(db: Session, office_id: uuid.UUID, today: date) -> uuid.UUID | None:
    """The agency that most people of an office serve in."""
    return db.scalar(
        sa.select(Posting.agency_id)
        .where(Posting.office_id == office_id, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today))
        .group_by(Posting.agency_id)
        .order_by(sa.func.count().desc(), Posting.agency_id)
        .limit(1)
    )


def class_manager(db: Session, path: str, today: date) -> str | None:
    """Who prints slips for an office: its class manager, else the one of the nearest office above."""
    return db.scalar(
        sa.select(Person.short_name)
        .join(RoleGrant, RoleGrant.person_id == Person.id)
        .join(Office, Office.id == RoleGrant.office_id)
        .where(
            RoleGrant.role == Role.CLASS_MANAGER.value, RoleGrant.valid_from <= today,
            sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today),
            sa.literal(path).startswith(Office.path),
        )
        .order_by(sa.func.length(Office.path).desc(), Person.short_name)
        .limit(1)
    )


def set_preference(db: Session, *, person_id: uuid.UUID, settings: Settings) -> Preference:
    """Keep what a person chose for all his pages, at whatever PC he sits."""
    take_write_lock(db)
    chosen = db.scalar(sa.select(Preference).where(Preference.person_id == person_id).with_for_update())
    if chosen is None:
        chosen = Preference(person_id=person_id)
        db.add(chosen)
    chosen.language, chosen.text_size, chosen.contrast = settings.language, settings.text_size, settings.contrast
    chosen.spacing, chosen.keys = settings.spacing, settings.keys
    db.flush()
    return chosen


def set_language(db: Session, who: Who, language: str) -> None:
    """Keep the language that a person chose."""
    set_preference(db, person_id=who.person_id, settings=replace(who.preference, language=language))
