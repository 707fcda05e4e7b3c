"""How constraints are set: levels within their floors, in the audit log, and what the table says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.people.models import Person
from app.planning import rules, settings
from app.planning.models import ConstraintSetting
from app.planning.reading import settings_of
from app.policy import Role
from app.sync.models import AuditEvent
from tests.factories import make_staff

FLOORS = {
    "T1": "BR", "T2": "B", "T3": "BRW", "T4": "B", "T5": "BRW", "T6": "RW", "T7": "RW", "T8": "BRWP", "T9": "P", "T10": "RW", "T11": "RW", "T12": "BRWP",
    "T13": "BRWP", "T14": "BRW", "T15": "BRWP", "T16": "P", "T17": "P", "T18": "P",
}


@pytest.mark.goal("SCH-06")
def test_the_floors_are_those_of_the_table() -> None:
    """Each of the eighteen constraints allows the levels that are written for it, and starts at one of them."""
    assert {code: "".join(level.value for level in one.allowed) for code, one in rules.CONSTRAINTS.items()} == FLOORS
    assert all(one.level in one.allowed for one in rules.CONSTRAINTS.values())


@pytest.mark.goal("SCH-06")
@given(code=st.sampled_from(sorted(FLOORS)), level=st.sampled_from(["B", "R", "W", "P", "X", ""]), weight=st.integers(-5, 500))
def test_a_stored_level_beyond_the_floor_counts_as_the_default(code: str, level: str, weight: int) -> None:
    """Whatever stands in the table, no constraint is taken more mildly than its floor, and points stay from 0 to 100."""
    taken = rules.setting(code, level, weight)

    assert taken.level.value in FLOORS[code]
    assert taken.level.value == (level if level and level in FLOORS[code] else rules.CONSTRAINTS[code].level.value)
    assert 0 <= taken.weight <= 100


@pytest.mark.goal("SCH-06")
@pytest.mark.parametrize(("code", "level"), [("T1", "W"), ("T4", "R"), ("T6", "P"), ("T9", "B"), ("T14", "P"), ("T8", "X")])
def test_a_level_beyond_the_floor_is_refused_at_the_field(db: Session, code: str, level: str) -> None:
    """Nothing is stored."""
    with pytest.raises(Invalid) as refused:
        settings.change(db, code, level=level, weight=20, numbers={name: one.default for name, one in rules.CONSTRAINTS[code].numbers.items()})

    assert set(refused.value.fields) == {"level"}
    assert db.scalar(sa.select(sa.func.count()).select_from(ConstraintSetting)) == 0


def test_numbers_and_points_have_bounds(db: Session) -> None:
    """A month of 60 teaching days and a hundred and one points are refused, each at its field."""
    with pytest.raises(Invalid) as refused:
        settings.change(db, "T8", level="W", weight=101, numbers={"month": 60, "quarter": 20, "travel": 50})

    assert set(refused.value.fields) == {"weight", "n_month"}


@pytest.mark.goal("SCH-06")
def test_what_is_set_holds_and_can_be_set_again(db: Session) -> None:
    """A second change replaces the first."""
    settings.change(db, "T8", level="R", weight=30, numbers={"month": 8, "quarter": 20, "travel": 100})
    before, now = settings.change(db, "T8", level="P", weight=0, numbers={"month": 9, "quarter": 20, "travel": 100})

    assert (before.level, now.level) == (rules.Level.RELEASE, rules.Level.POINTS)
    assert settings_of(db)["T8"] == now == rules.Setting(rules.Level.POINTS, 0, {"month": 9, "quarter": 20, "travel": 100})
    assert settings_of(db)["T1"] == rules.DEFAULTS["T1"]


@pytest.mark.goal("SCH-06")
def test_the_administrator_sets_a_level_and_the_change_is_audited(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """The page shows what is allowed; after saving the table shows the new level beside the default."""
    admin = client_of(make_staff(db, Role.ADMINISTRATOR))

    page = admin.get("/planning/constraints/T8").text
    answer = admin.post("/planning/constraints/T8", data={"level": "R", "weight": "10", "n_month": "12", "n_quarter": "30", "n_travel": "50"})
    table = admin.get("/planning/constraints").text

    assert "by default 10" in page
    assert answer.status_code == 303
    assert "by default: needs a reason" in table
    assert "Teaching days a month: 12" in table
    event = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "constraint changed")).one()
    assert (event.about, event.detail["was_level"], event.detail["now_level"], event.detail["now_points"]) == ("T8", "W", "R", 10)


@pytest.mark.goal("SCH-06")
def test_a_forged_level_gets_a_sentence(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """The browser does not offer it; who sends it all the same reads why not."""
    admin = client_of(make_staff(db, Role.ADMINISTRATOR))

    answer = admin.post("/planning/constraints/T4", data={"level": "W"})

    assert answer.status_code == 422
    assert "Other bookings may be set no milder than “blocks”." in answer.text


def test_a_training_officer_reads_and_does_not_change(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """The table without buttons; the form is not his."""
    officer = client_of(make_staff(db, Role.TRAINING_OFFICER))

    assert "Change" not in officer.get("/planning/constraints").text
    assert officer.get("/planning/constraints/T8").status_code == 403
    assert client_of(make_staff(db, Role.ADMINISTRATOR)).get("/planning/constraints/T99").status_code == 404
