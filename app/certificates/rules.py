"""Rules of certificates: numbers, what is frozen at issue, the signed text of the QR code, states, sizes. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from app.errors import Message, say
from app.people.names import Name

# ---- numbers ---------------------------------------------------------------------------------------------------------

LAST_SERIAL = 999_999
_NUMBER = re.compile(r"([A-Z]{2})([0-9]{4})([0-9]{6})([0-9]{2})")
_DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")
# Cyrillic letters that look like the Latin ones of a country code: a Russian keyboard types them unseen.
_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX")


@dataclass(frozen=True, order=True)
class Number:
    """The number of a certificate: country, year, serial, and two check digits (ISO/IEC 7064, MOD 97-10).

    MOD 97-10 is what bank account numbers (IBAN) use. It finds every single wrong character and every exchange of two
    neighbours; the one-character systems MOD 11,10 and MOD 37,36 of the same standard let one exchange in 180 pass.
    """

    country: str
    year: int
    serial: int

    @property
    def check(self) -> str:
        """The two check digits."""
        return f"{98 - _as_digits(f'{self.country}{self.year:04d}{self.serial:06d}') * 100 % 97:02d}"

    def __str__(self) -> str:
        return f"{self.country}-{self.year:04d}-{self.serial:06d}-{self.check}"


def _as_digits(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text))


def parse(text: str) -> Number | None:
    """The number that somebody typed, whatever case, blanks and dashes; None when it can be none."""
    plain = unicodedata.normalize("NFKC", text[:60].replace("№", "")).upper().translate(_DIGITS).translate(_LOOKALIKES)
    found = _NUMBER.fullmatch(re.sub(r"[\s\-\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}_./]", "", plain))
    if found is None:
        return None
    number = Number(found[1], int(found[2]), int(found[3]))
    return number if number.serial and number.check == found[4] else None


@dataclass(frozen=True)
class Numbers:
    """A block of numbers as far as it is used."""

    first: int
    last: int
    used: int  # how many were taken, from `first` on: none is skipped

    @property
    def left(self) -> int:
        """How many can still be taken."""
        return self.last - self.first + 1 - self.used

    @property
    def next(self) -> int:
        """The serial that is taken next."""
        return self.first + self.used

    @property
    def unused(self) -> tuple[int, int] | None:
        """The first and last serial that nobody has; None when the block is full."""
        return (self.next, self.last) if self.left else None


def too_few(people: int, left: int) -> Message:
    """Why nothing was issued: the node has fewer numbers than people."""
    return say(
        "certificate",
        "{people} people for {left} numbers: nothing was issued. Ask the centre for another block of numbers, or choose fewer people.",
        people=people, left=left,
    )


# ---- kinds and states --------------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What a certificate says. The order is that of the QR code's payload: add at the end."""

    COMPLETED = "completed"
    PARTICIPATED = "participated"


class State(StrEnum):
    """What a certificate is worth now."""

    ISSUED = "issued"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    REPLACED = "replaced"
    VOIDED = "voided"


RESTORED = "restored"  # an event: ends a suspension
FINAL = (State.VOIDED, State.REVOKED, State.REPLACED)  # once heard of, for ever; the first that applies is shown


@dataclass(frozen=True)
class Standing:
    """How one person stands at the end of a run: what the course's rule still misses, and whether he took part."""

    missing: tuple[Message, ...]
    took_part: bool
    result: int | None = None  # of the final test, in millionths


def kind_of(standing: Standing) -> Kind | None:
    """Which certificate a person gets: completed when nothing is missing, participated for taking part, else none."""
    if not standing.missing:
        return Kind.COMPLETED
    return Kind.PARTICIPATED if standing.took_part else None


def state_after(events: Iterable[str]) -> State:
    """The state that follows from the events heard of so far, in whatever order they came.

    Nodes hear of events at different times and clocks are wrong, so no order is asked: what is final stays final, and
    a suspension holds until as many were lifted as were made.
    """
    known = list(events)
    for state in FINAL:
        if state in known:
            return state
    return State.SUSPENDED if known.count(State.SUSPENDED) > known.count(RESTORED) else State.ISSUED


def may_become(state: State, event: str) -> bool:
    """Whether an event can happen to a certificate in this state."""
    if state in FINAL:
        return False
    return event == RESTORED if state is State.SUSPENDED and event in (RESTORED, State.SUSPENDED) else event != RESTORED


# ---- facts -------------------------------------------------------------------------------------------------------------

LAYOUTS = ("landscape", "portrait")
TEMPLATE = 1  # raised when a template changes so that an old certificate would be printed differently
SCRIPTS = {"kk": "Cyrl", "ru": "Cyrl", "en": "Latn", "prs": "Arab"}
MOST_SIGNATORIES = 4
ERASED = "—"  # stands where the name was, in every script, once it was erased on order


@dataclass(frozen=True)
class Signs:
    """Who signs, as printed: name and title by language."""

    names: Mapping[str, str]
    titles: Mapping[str, str]


@dataclass(frozen=True)
class Facts:
    """Everything that a certificate says, frozen at issue. A later change of a name or a template does not touch it."""

    kind: Kind
    names: Mapping[str, Name]  # by script, as on the day
    slug: str
    version: int
    titles: Mapping[str, str]  # of the course, by language
    hours: int
    starts_on: date
    ends_on: date
    issued_on: date
    place: Mapping[str, str]
    issuer: Mapping[str, str]  # the office
    languages: tuple[str, ...]  # one, or two side by side
    address: str  # where the number is checked: PUBLIC_URL of that day
    run: str = ""
    roster: int = 0
    result: int | None = None  # millionths
    authority: Mapping[str, str] = field(default_factory=dict)  # the country's centre above the office
    signatories: tuple[Signs, ...] = ()
    layout: str = "landscape"
    dari: bool = False  # a line in Dari below the text
    template: int = TEMPLATE
    replaces: str | None = None  # the number

    @property
    def erased(self) -> bool:
        """Whether the name was erased on order: the number stays in the register."""
        return all(name.family == ERASED for name in self.names.values())

    @property
    def language(self) -> str:
        """The language that decides dates, numerals and direction."""
        return self.languages[0]

    def texts(self) -> list[str]:
        """Every text of the facts that is printed: what the fonts must be able to show."""
        said = [name.full for name in self.names.values()]
        for texts in (self.titles, self.place, self.issuer, self.authority):
            said += texts.values()
        for signs in self.signatories:
            said += [*signs.names.values(), *signs.titles.values()]
        return [*said, self.address, self.run]

    def as_json(self) -> dict[str, Any]:
        """The facts as the table keeps them."""
        kept = asdict(self)
        for name in ("starts_on", "ends_on", "issued_on"):
            kept[name] = kept[name].isoformat()
        kept["languages"] = list(self.languages)
        kept["signatories"] = [{"names": dict(s.names), "titles": dict(s.titles)} for s in self.signatories]
        kept["kind"] = self.kind.value
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Facts:
        """The facts from the table."""
        values = dict(kept)
        for name in ("starts_on", "ends_on", "issued_on"):
            values[name] = date.fromisoformat(values[name])
        values["kind"] = Kind(values["kind"])
        values["names"] = {script: Name(**name) for script, name in values["names"].items()}
        values["languages"] = tuple(values["languages"])
        values["signatories"] = tuple(Signs(**signs) for signs in values["signatories"])
        return cls(**values)


def name_in(names: Mapping[str, Name], language: str) -> tuple[str, Name]:
    """The script and the name to print in a language: in its own script, else in the nearest that is known."""
    wish = SCRIPTS.get(language, "Latn")
    for script in (wish, "Latn" if wish == "Arab" else "Cyrl", "Latn", "Arab"):
        if script in names:
            return script, names[script]
    raise ValueError("a certificate without a name")


def public_name(name: Name) -> str:
    """The holder as strangers see him: initials and family name, "G. K. Abdirakhmanova"."""
    initials = [f"{part[:1]}." for part in (name.given, name.patronymic) if part]
    return " ".join([*initials, name.family])


STAMPS: dict[State, Message] = {
    State.SUSPENDED: say("paper", "SUSPENDED"),
    State.REVOKED: say("paper", "REVOKED"),
    State.REPLACED: say("paper", "REPLACED"),
    State.VOIDED: say("paper", "VOID"),
}

# Points. A longer name steps down; below the last step it may break between its parts, never inside one.
NAME_SIZES = {"landscape": (25, 23, 21, 19, 17, 15), "portrait": (23, 21, 19, 17, 15, 13), "half": (17, 16, 15, 14, 13, 12)}
NAME_ROOM = {"landscape": 233.0, "portrait": 150.0, "half": 100.0}  # millimetres
MM_PER_POINT = 25.4 / 72


def name_size(width: float, place: str) -> tuple[int, bool]:
    """The size in points for a name of this width (in ems) at a place of the paper, and whether it stays on one line."""
    for size in NAME_SIZES[place]:
        if width * size * MM_PER_POINT <= NAME_ROOM[place]:
            return size, True
    return NAME_SIZES[place][-1], False


# ---- the QR code -------------------------------------------------------------------------------------------------------

PAYLOAD_VERSION = 1
_EPOCH = date(2020, 1, 1)
_HEAD, _SIGNATURE = 16, 64
_TEXT = re.compile(r"([A-Za-z0-9\s\N{EN DASH}-]{16,30})\?k=([A-Za-z0-9]{8})#([A-Za-z2-7]{128})")


@dataclass(frozen=True)
class Signed:
    """What the QR code says without any network: enough to know a changed paper from a true one."""

    number: Number
    key: str  # the random key of the address; also the salt of the name's hash
    kind: Kind
    issued_on: date
    key_id: str  # of the key that signed
    name_hash: bytes
    signature: bytes = b""

    @property
    def head(self) -> bytes:
        """The part of the payload before the signature, 16 bytes."""
        first = PAYLOAD_VERSION << 4 | list(Kind).index(self.kind)
        days = (self.issued_on - _EPOCH).days
        return bytes([first]) + days.to_bytes(2, "big") + base64.b32decode(self.key_id) + self.name_hash

    @property
    def message(self) -> bytes:
        """What is signed."""
        return b"\0".join((b"sabaq certificate", str(self.number).encode(), self.key.encode(), self.head))

    def text(self) -> str:
        """What stands behind "/v/" in the QR code: the number, the random key, and the signed payload as a fragment.

        A browser sends no fragment, so the page's address stays short. Base32 in capitals, because a QR code packs
        those into 5.5 bits a character: 49 x 49 modules in all, 0.45 mm each on 26 mm.
        """
        return f"{self.number}?k={self.key}#{base64.b32encode(self.head + self.signature).decode()}"


def read_payload(text: str) -> Signed | None:
    """The signed content of a QR code's text, with or without the address before it; None when it is none."""
    found = _TEXT.search(text.strip()[-400:].rsplit("/", 1)[-1])
    if found is None or found.end() != len(found.string.rstrip()):
        return None
    number, raw = parse(found[1]), base64.b32decode(found[3].upper())
    if number is None or raw[0] >> 4 != PAYLOAD_VERSION or raw[0] & 15 >= len(Kind):
        return None
    return Signed(
        number, found[2].upper(), list(Kind)[raw[0] & 15], _EPOCH + timedelta(days=int.from_bytes(raw[1:3], "big")),
        base64.b32encode(raw[3:8]).decode(), raw[8:_HEAD], raw[_HEAD:],
    )


def name_hash(name: str, salt: str) -> bytes:
    """Eight bytes that fit a name as printed. Slow and salted: who has only the code cannot try a million names quickly."""
    plain = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    return hashlib.scrypt(plain.encode(), salt=salt.encode(), n=4096, r=8, p=1, dklen=8)


def same_name(signed: Signed, name: str) -> bool:
    """Whether the name on the paper in hand is the one that was signed."""
    return hmac.compare_digest(signed.name_hash, name_hash(name, signed.key))


def key_id_of(public_key: bytes) -> str:
    """The short name of a public key: eight characters of its hash."""
    return base64.b32encode(hashlib.sha256(public_key).digest()[:5]).decode()


# ---- looking before printing ---------------------------------------------------------------------------------------


def first_and_longest(names: Sequence[str]) -> tuple[int, ...]:
    """Which of the names to look at before printing all: the first and the longest."""
    if not names:
        return ()
    longest = max(range(len(names)), key=lambda n: (len(names[n]), -n))
    return (0,) if longest == 0 else (0, longest)


def unknown(chosen: Collection[Any], offered: Collection[Any]) -> set[Any]:
    """What was chosen without having been offered."""
    return set(chosen) - set(offered)
