"""Random slots and trainers for the constraints."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from app.planning.facts import (
    Accredited,
    Away,
    Busy,
    Colleague,
    Letter,
    Pair,
    Permit,
    Place,
    SlotFacts,
    Span,
    TrainerFacts,
    Way,
    Work,
)

MONDAY = datetime(2026, 11, 23, 4, tzinfo=UTC)  # 09:00 in Almaty
PLACES = tuple(
    Place(f"/CA/{country}/{department}/{post}/", {"en": f"{post}"}, country, {"en": country}, f"/CA/{country}/{department}/")
    for country, department, post in (("KZ", "ZH", "KORDAY"), ("KZ", "ZH", "MERKE"), ("KZ", "AK", "AKTAU"), ("KG", "OS", "OSH"))
)
HOME, NEXT, FAR, ABROAD = PLACES
AIRSIDE = Place("/CA/KZ/AK/AIRPORT/", {"en": "AIRPORT"}, "KZ", {"en": "KZ"}, "/CA/KZ/AK/", "airside pass")


def ident(n: int) -> uuid.UUID:
    """An id for a number."""
    return uuid.UUID(int=n)


def span(day: int = 0, hour: float = 0, hours: float = 4, place: Place | None = HOME) -> Span:
    """A meeting so many days and hours after Monday, 09:00."""
    starts = MONDAY + timedelta(days=day, hours=hour)
    ends = starts + timedelta(hours=hours)
    local = timedelta(hours=5)
    return Span(starts, ends, (starts + local).date(), (ends + local - timedelta(seconds=1)).date(), "Asia/Almaty", place)


def slot(**values: object) -> SlotFacts:
    """A lead slot of two half-days at home, in Russian B2."""
    given: dict[str, object] = {
        "slot_id": ident(1), "session_id": ident(2), "run_id": ident(3), "code": "S-2026-0412", "role": "lead", "mode": "classroom", "course_id": ident(4),
        "course": {"en": "Travel documents II"}, "language": "ru", "language_level": "B2", "spans": (span(0), span(1)), "path": HOME.path, "place": HOME,
        "today": date(2026, 11, 16),
    }
    return SlotFacts(**(given | values))  # type: ignore[arg-type]


def trainer(**values: object) -> TrainerFacts:
    """Somebody who fits it: lead to the end of 2027, Russian C1, lives there."""
    given: dict[str, object] = {
        "trainer_id": ident(10), "person_id": ident(11), "name": "Karimov D.", "sort_key": "karimov d", "country": "KZ", "home": HOME,
        "accreditations": (Accredited("lead", date(2025, 1, 1), date(2027, 12, 31)),), "languages": {"ru": "C1"}, "connection_tested_on": date(2026, 11, 1),
    }
    return TrainerFacts(**(given | values))  # type: ignore[arg-type]


def booked(day: int = 0, hour: float = 0, hours: float = 4, place: Place | None = HOME, code: str = "S-2026-0409", role: str = "lead") -> Busy:
    """A booking elsewhere."""
    return Busy(span(day, hour, hours, place), code, (place or HOME).path, role)


def off(kind: str, first: int, last: int, *, hours: float = 0) -> Away:
    """Away for whole local days, or `hours` after midnight of the last."""
    starts = MONDAY.replace(hour=19) - timedelta(days=1) + timedelta(days=first)
    ends = MONDAY.replace(hour=19) - timedelta(days=1) + timedelta(days=last, hours=hours or 24)
    return Away(kind, starts, ends, date(2026, 11, 23) + timedelta(days=first), date(2026, 11, 23) + timedelta(days=last))


LEVELS = st.sampled_from(["A1", "B1", "B2", "C1", "C2"])
PLACE = st.sampled_from(PLACES)
SEX = st.sampled_from(["", "f", "m"])
DAY = st.integers(-40, 40).map(lambda n: date(2026, 11, 23) + timedelta(days=n))
spans = st.builds(span, st.integers(-12, 12), st.integers(0, 14), st.sampled_from([1, 2, 4, 8]), st.one_of(st.none(), PLACE))


@st.composite
def slots(draw: st.DrawFn) -> SlotFacts:
    """Any slot."""
    mode = draw(st.sampled_from(["classroom", "online", "hybrid"]))
    role = draw(st.sampled_from(["lead", "co", "assistant", "interpreter", "remote", "assessor"]))
    place = None if mode == "online" or role == "remote" else draw(st.one_of(PLACE, st.just(AIRSIDE)))
    chosen = tuple(span(day, hour, 4, place) for day, hour in sorted(draw(st.sets(st.tuples(st.integers(0, 6), st.sampled_from([0, 5, 12])), min_size=1, max_size=5))))
    company = tuple(draw(st.lists(st.builds(Colleague, st.integers(20, 23).map(ident), st.just(ident(30)), st.just("co"), PLACE, SEX), max_size=2)))
    return slot(
        mode=mode, role=role, spans=chosen, place=place or HOME, language=draw(st.sampled_from(["ru", "en"])), language_level=draw(LEVELS),
        interprets=draw(st.sampled_from(["", "ky"])), budget=draw(st.one_of(st.none(), st.integers(0, 1000))), company=company,
        trainees=draw(st.dictionaries(st.sampled_from([one.path for one in PLACES]), st.integers(1, 9))),
        searches=draw(st.booleans()), sexes=draw(st.frozensets(st.sampled_from(["f", "m"]))), in_room_open=draw(st.integers(0, 2)),
        ways=draw(st.dictionaries(st.tuples(st.just(HOME.path), st.sampled_from([FAR.path, ABROAD.path])), st.builds(Way, st.integers(0, 3), st.integers(0, 300)))),
        visas=draw(st.dictionaries(st.just(("KZ", "KG")), st.integers(0, 30))), median_90=draw(st.fractions(0, 30, max_denominator=2)),
        mean_mark=draw(st.fractions(1, 5, max_denominator=10)),
    )


@st.composite
def trainers(draw: st.DrawFn, number: int | None = None) -> TrainerFacts:
    """Anybody of the pool."""
    n = draw(st.integers(100, 140)) if number is None else number
    home = draw(PLACE)
    marked = draw(st.integers(0, 12))
    return trainer(
        trainer_id=ident(n), person_id=ident(1000 + n), name=f"T{n}", sort_key=draw(st.sampled_from(["a", "b"])), country=home.country, home=home,
        reach=draw(st.sampled_from(["national", "regional"])), travels=draw(st.sampled_from(["none", "department", "country", "abroad"])),
        share=draw(st.sampled_from([25, 50, 100])), days_a_month=draw(st.one_of(st.none(), st.integers(1, 20))), needs_release=draw(st.booleans()),
        passport_to=draw(st.one_of(st.none(), DAY)), connection_tested_on=draw(st.one_of(st.none(), st.just(date(2026, 6, 1)), st.just(date(2026, 11, 1)))),
        prefers=draw(st.sampled_from(["", "classroom", "online", "hybrid"])), prefers_to=draw(st.one_of(st.none(), DAY)), sex=draw(SEX),
        accreditations=tuple(draw(st.lists(st.builds(Accredited, st.sampled_from(["lead", "co", "assistant"]), DAY, st.one_of(st.none(), DAY), st.one_of(st.none(), DAY)), max_size=3))),
        languages=draw(st.dictionaries(st.sampled_from(["ru", "en", "ky"]), LEVELS)),
        busy=tuple(Busy(one, "S-2026-0409", ABROAD.path) for one in draw(st.lists(spans, max_size=4))),
        away=tuple(off(kind, first, first + draw(st.integers(0, 5))) for kind, first in draw(st.lists(st.tuples(st.sampled_from(["leave", "sick", "shift", "deployment", "unavailable"]), st.integers(-8, 8)), max_size=2))),
        holidays=draw(st.dictionaries(DAY, st.just({"en": "Nooruz"}), max_size=3)),
        permits=tuple(draw(st.lists(st.builds(Permit, st.sampled_from(["visa", "site"]), st.just("KG"), st.sampled_from([ABROAD.path, AIRSIDE.path]), DAY, st.one_of(st.none(), DAY)), max_size=2))),
        letters=tuple(draw(st.lists(st.builds(Letter, DAY, DAY, DAY, st.one_of(st.none(), DAY), st.one_of(st.none(), DAY)), max_size=2))),
        pairs=tuple(draw(st.lists(st.builds(Pair, st.sampled_from(["mentor", "forbidden", "required"]), st.integers(20, 23).map(ident), st.just("Lee S.")), max_size=2))),
        work=tuple(Work(None, frozenset(one.isoformat() for one in days), draw(st.one_of(st.none(), PLACE))) for days in draw(st.lists(st.sets(DAY, min_size=1, max_size=5), max_size=3))),
        days_90=draw(st.integers(0, 40)), taught=draw(st.integers(0, 5)), same_run=draw(st.booleans()), marked=marked,
        marks=draw(st.integers(marked, marked * 5)), busy_only=draw(st.booleans()),
    )


__all__ = ["ABROAD", "AIRSIDE", "FAR", "HOME", "MONDAY", "NEXT", "Fraction", "booked", "ident", "off", "slot", "slots", "span", "trainer", "trainers"]
