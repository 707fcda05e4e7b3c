"""Practical work on its pages: handed in, marked at the PC and from paper, by one rater and by two."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.offices.models import Office
from app.people.models import Person
from app.policy import Role
from app.quizzes.models import PracticalMark, PracticalWork
from app.quizzes.practicals import rules
from app.quizzes.practicals.queries import held_of
from app.quizzes.practicals.rules import State
from app.runs.models import CourseRun, Enrolment
from tests.factories import make_person, make_staff
from tests.quizzes.rows import PRACTICAL, content, make_enrolment, make_run
from tests.runs.rows import teach

pytestmark = pytest.mark.usefixtures("app")
DONE = {"item-start-point": "done", "item-zones": "done", "item-notes": "done"}


@dataclass
class Class:
    """A run with a practical, two trainees and two trainers."""

    run: CourseRun
    first: Enrolment
    second: Enrolment
    trainer: Person
    other: Person
    trainee: Person

    def task(self) -> str:
        """The first trainee's page."""
        return f"/learn/{self.first.id}/practicals/search-car"

    def mark(self, enrolment: Enrolment | None = None) -> str:
        """The marking page of somebody."""
        return f"/runs/{self.run.code}/practicals/search-car/{(enrolment or self.first).id}"


@pytest.fixture
def room(db: Session) -> Class:
    """One rater marks."""
    return make_class(db)


def make_class(db: Session, **changes: Any) -> Class:
    """A class whose practical is written otherwise."""
    practical = {key: value for key, value in (PRACTICAL | changes).items() if value is not None}
    data = {"file": "lengths.csv", "licence": "own", "source": "own", "sha256": "1" * 64, "width": 0, "height": 0}
    run = make_run(db, content(practicals=[practical], media=[data]))
    trainer, other = make_staff(db, Role.TRAINER, family="Trainer"), make_staff(db, Role.TRAINER, family="Rater")
    teach(db, run, trainer)
    teach(db, run, other, "co")
    one, two = make_person(db, family="Abenov"), make_person(db, family="Bekova")
    made = Class(run, make_enrolment(db, run, one), make_enrolment(db, run, two, number=2), trainer, other, one)
    db.commit()
    return made


def state_of(db: Session, room: Class, enrolment: Enrolment | None = None) -> State:
    """Where somebody stands now."""
    db.expire_all()
    id = (enrolment or room.first).id
    practical = content(practicals=[PRACTICAL | {"raters": "2"}]).practicals[0] if len({m.rater_id for m in db.query(PracticalMark)}) > 1 else content(practicals=[PRACTICAL]).practicals[0]
    return held_of(db, [id])[id]["search-car"].standing(practical).state


def sent(length: str = "11,41", name: str = "search.pdf", data: bytes = b"%PDF") -> dict[str, Any]:
    """What the trainee's form sends."""
    return {"value-length": length, "file": (io.BytesIO(data), name)}


@pytest.mark.goal("RUN-13", "TCH-04")
def test_a_trainee_hands_in_values_and_a_file_without_script(db: Session, client_of: Callable[[Person], FlaskClient], room: Class) -> None:
    """The page shows the task and hides value and tolerance; what was handed in is kept, and the file comes back as a download."""
    client = client_of(room.trainee)
    page = client.get(room.task()).get_data(as_text=True)
    answer = client.post(room.task(), data=sent(), content_type="multipart/form-data")
    work = db.query(PracticalWork).one()
    back = client.get(f"/practicals/files/{work.id}")

    assert "Search the car by <strong>zones</strong>" in page
    assert "11.40" not in page
    assert "0.05" not in page
    assert "lengths.csv" in page
    assert answer.status_code == 303
    assert (work.number, work.values, work.file_name, work.channel) == (1, {"length": "11,41"}, "search.pdf", "pc")
    assert back.data == b"%PDF"
    assert back.headers["Content-Disposition"] == "attachment; filename=search.pdf"
    assert back.headers["Content-Type"] == "application/octet-stream"
    assert state_of(db, room) is State.HANDED_IN


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"value-length": "about 11"}, "“about 11” is not a number"),
        ({"value-length": ""}, "Type a number here."),
        ({"file": (b"x" * 1001, "a.pdf")}, "The file is too large"),
        ({"file": (b"x", "a.exe")}, "Files of this kind are not taken"),
        ({"file": None}, "Choose the file that you made."),
    ],
)
def test_bad_input_is_said_at_its_place_and_nothing_is_kept(
    db: Session, client_of: Callable[[Person], FlaskClient], room: Class, monkeypatch: pytest.MonkeyPatch, form: dict[str, Any], sentence: str
) -> None:
    """A value that is no number, a file too large or of a refused kind: the typed value stays, nothing is half-written."""
    monkeypatch.setattr(rules, "LARGEST_FILE", 1000)
    data = sent() | form
    if isinstance(form.get("file"), tuple):
        data["file"] = (io.BytesIO(form["file"][0]), form["file"][1])
    elif "file" in form:
        del data["file"]

    answer = client_of(room.trainee).post(room.task(), data=data, content_type="multipart/form-data")

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in page
    assert f'value="{data["value-length"]}"' in page
    assert db.query(PracticalWork).count() == 0


@pytest.mark.goal("RUN-13")
def test_a_trainer_marks_a_person_and_goes_on_to_the_next(db: Session, client_of: Callable[[Person], FlaskClient], room: Class) -> None:
    """One form of radios, saved as a fact with rater and note; the answer leads to the next person who is not marked."""
    client_of(room.trainee).post(room.task(), data=sent(), content_type="multipart/form-data")
    client = client_of(room.trainer)
    answer = client.post(room.mark(), data=DONE | {"known": "0", "note": "calm"})

    mark = db.query(PracticalMark).one()
    assert answer.headers["Location"].endswith(room.mark(room.second))
    assert (mark.place, mark.number, mark.items["zones"], mark.note, mark.rater_id, mark.channel) == (1, 1, "done", "calm", room.trainer.id, "pc")
    assert state_of(db, room) is State.PASSED
    table = client.get(f"/runs/{room.run.code}/practicals").get_data(as_text=True)
    assert "passed" in table
    result = client_of(room.trainee).get(room.task()).get_data(as_text=True)
    assert "calm" in result
    assert "Hand in again" not in result


def test_an_item_that_is_not_marked_is_named_and_the_others_stay(db: Session, client_of: Callable[[Person], FlaskClient], room: Class) -> None:
    """A checklist is whole or not saved."""
    answer = client_of(room.trainer).post(room.mark(), data={"item-start-point": "not-done", "item-zones": "done", "known": "0"})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Mark this item: done or not done." in page
    assert 'name="item-start-point" value="not-done" checked' in page
    assert db.query(PracticalMark).count() == 0


def test_a_mark_made_in_the_meantime_is_not_overwritten(db: Session, client_of: Callable[[Person], FlaskClient], room: Class) -> None:
    """Who still has the old page is told; the newest mark stays."""
    client_of(room.trainer).post(room.mark(), data=DONE | {"known": "0"})
    answer = client_of(room.other).post(room.mark(), data=DONE | {"item-zones": "not-done", "known": "0"})

    assert answer.status_code == 409
    assert "in the meantime" in answer.get_data(as_text=True)
    assert db.query(PracticalMark).count() == 1


@pytest.mark.goal("RUN-13")
def test_two_raters_mark_alone_and_settle_what_differs(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """The second rater sees nothing of the first; then each item that differs is listed with both marks and settled as a third fact."""
    room = make_class(db, raters="2", values=None, file=None, data=None)
    first, second = client_of(room.trainer), client_of(room.other)
    first.post(room.mark(), data=DONE | {"item-zones": "not-done", "known": "0", "note": "skipped the boot"})
    blind = second.get(room.mark()).get_data(as_text=True)
    second.post(room.mark(), data=DONE | {"known": "0"})
    open_page = second.get(room.mark()).get_data(as_text=True)
    settled = second.post(room.mark(), data={"settle": "yes", "known": "0", "item-zones": "done"})

    assert "checked" not in blind
    assert "skipped the boot" not in blind
    assert "The two markings differ in 1 item." in open_page
    assert "Names the start point" not in open_page
    assert settled.status_code == 303
    marks = {one.place: one for one in db.query(PracticalMark)}
    assert marks[3].items == {"start-point": "done", "zones": "done", "notes": "done"}
    assert marks[1].items["zones"] == "not-done"


def test_a_rater_who_is_no_trainer_of_the_run_is_named(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """The class manager marks as the second rater: the trainer who settles reads the name, not "another trainer"."""
    room = make_class(db, raters="2", values=None, file=None, data=None)
    manager = make_staff(db, Role.CLASS_MANAGER, db.get_one(Office, room.run.office_id), family="Seitova")
    client_of(manager).post(room.mark(), data=DONE | {"item-zones": "not-done", "known": "0"})
    trainer = client_of(room.trainer)
    trainer.post(room.mark(), data=DONE | {"known": "0"})
    assert trainer.get(room.mark()).get_data(as_text=True).count("Seitova A.") == 2


@pytest.mark.goal("RUN-13", "RUN-11")
def test_a_sheet_is_keyed_in_with_its_rater_and_a_second_keying_shows_typing_errors(
    db: Session, client_of: Callable[[Person], FlaskClient], room: Class
) -> None:
    """From paper: rater named, value and items in one form; keyed twice with a difference it is said and settled."""
    client = client_of(room.trainer)
    paper = {"channel": "paper", "rater": str(room.other.id), "known": "0", "value-length": "11.4"}
    nobody = client.post(room.mark(), data=DONE | paper | {"rater": ""})
    once = client.post(room.mark(), data=DONE | paper)
    twice = client.post(room.mark(), data=DONE | {"item-notes": "not-done", "channel": "paper", "rater": str(room.other.id), "known": "0", "entry": "2"})
    page = client.get(room.mark()).get_data(as_text=True)

    assert (nobody.status_code, once.status_code, twice.status_code) == (422, 303, 303)
    assert "Choose who marked this sheet." in nobody.get_data(as_text=True)
    assert {(one.place, one.channel, one.rater_id, one.by_id) for one in db.query(PracticalMark)} == {
        (1, "paper", room.other.id, room.trainer.id), (2, "paper", room.other.id, room.trainer.id),
    }
    assert db.query(PracticalWork).one().channel == "paper"
    assert "Settle what differs" in page
    client.post(room.mark(), data={"settle": "yes", "known": "0", "item-notes": "done"})
    assert state_of(db, room) is State.PASSED


def test_a_rater_keys_in_the_other_raters_sheet_too(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """Each sheet goes to the place of who marked it, whoever types; then the differences are there to settle."""
    room = make_class(db, raters="2", values=None, file=None, data=None)
    client = client_of(room.trainer)
    client.post(room.mark(), data=DONE | {"known": "0"})
    page = client.get(f"{room.mark()}?channel=paper&rater={room.other.id}").get_data(as_text=True)
    answer = client.post(room.mark(), data=DONE | {
        "channel": "paper", "rater": str(room.other.id), f"known-{room.other.id}": "0", f"known-{room.trainer.id}": "1", "item-zones": "not-done",
    })

    assert "checked" not in page
    assert answer.status_code == 303
    assert {(one.place, one.rater_id) for one in db.query(PracticalMark)} == {(1, room.trainer.id), (2, room.other.id)}
    assert "Settle what differs" in client.get(room.mark()).get_data(as_text=True)


def test_a_file_is_for_its_owner_and_who_teaches_him_alone(db: Session, client_of: Callable[[Person], FlaskClient], room: Class) -> None:
    """Another trainee of the same run does not see it."""
    client_of(room.trainee).post(room.task(), data=sent(), content_type="multipart/form-data")
    address = f"/practicals/files/{db.query(PracticalWork).one().id}"
    stranger = db.get_one(Person, room.second.person_id)

    assert client_of(room.other).get(address).status_code == 200
    assert client_of(stranger).get(address).status_code == 404


@pytest.mark.goal("RUN-13", "RUN-11")
def test_task_sheet_and_checklists_print(client_of: Callable[[Person], FlaskClient], room: Class) -> None:
    """A task sheet, and a blank checklist for each person."""
    client = client_of(room.trainer)

    for sheet in ("task", "checklists"):
        paper = client.get(f"/runs/{room.run.code}/practicals/search-car/paper/{sheet}")
        assert paper.status_code == 200, paper.get_data(as_text=True)
        assert paper.data.startswith(b"%PDF")


@pytest.mark.goal("RUN-08", "RUN-13")
def test_the_result_sheet_has_the_practical_mark_on_screen_and_in_files(db: Session, client_of: Callable[[Person], FlaskClient], room: Class) -> None:
    """Passed, and a dash for who is not marked: page, workbook and CSV agree."""
    client = client_of(room.trainer)
    client.post(room.mark(), data=DONE | {"channel": "paper", "rater": str(room.trainer.id), "known": "0", "value-length": "11.4"})
    address = f"/runs/{room.run.code}/results"

    page = client.get(address).get_data(as_text=True)
    book = openpyxl.load_workbook(io.BytesIO(client.get(f"{address}?as=xlsx").data)).worksheets[0]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{address}?as=csv").data.decode("utf-8-sig"))))

    assert [line[10] or "" for line in book.iter_rows(min_row=2, values_only=True)] == ["passed", ""]
    assert [row["practical"] for row in rows] == ["passed", ""]
    assert "<td>passed</td>" in page
