"""A week on a stick: to the centre, taken, answered, back; swapped, foreign, half, changed and pulled sticks; two at once."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.errors import BadBundle
from app.offices.models import Country
from app.sync import bundles, courier, frames, keys, staging, stick
from app.sync.courier import Here
from app.sync.models import Exchange, StoredSegment
from app.work import work
from config import Config
from tests.factories import make_agency, make_office
from tests.sync import mutator
from tests.sync.nodes import NOW, Installation, centre_and_class, copy_rows, install, make_nodes
from tests.sync.sticks import failing, small_pieces
from tests.sync.test_exchange import people, walk_in


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Installation]]:
    """A centre and two class servers."""
    with centre_and_class(tmp_path, classes=2) as found:
        yield found


@pytest.fixture
def usb(tmp_path: Path) -> Path:
    """A stick with somebody's own file on it."""
    folder = tmp_path / "KINGSTON"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"a picture")
    return folder


def here(node: Installation) -> Here:
    return Here(node.database, node.config, node.keys)


def handed(node: Installation, usb: Path, to: Installation, ticket: str = "t1") -> courier.OnStick:
    return courier.hand_over(here(node), stick.folder(usb), to=to.code, ticket=ticket, now=NOW)


def arrived(node: Installation, usb: Path) -> list[courier.Arrived]:
    return courier.look(here(node), stick.files(usb))


def segments_at(node: Installation, of: Installation) -> int:
    with node.database.sessions() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(StoredSegment).where(StoredSegment.node == of.code)) or 0


def exchanges(node: Installation) -> list[tuple[str, str, str]]:
    with node.database.sessions() as db:
        return [(row.peer, row.direction, row.state) for row in db.scalars(sa.select(Exchange).order_by(Exchange.place))]


# ---- there and back ----------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-05", "NET-07")
def test_a_week_goes_to_the_centre_on_a_stick_and_its_receipt_comes_back_on_the_same(nodes: list[Installation], usb: Path) -> None:
    """Written by the class, looked at and taken at the centre, answered in the same go, taken by the class: then nothing is owed."""
    centre, first, _ = nodes
    number = walk_in(first)
    done = handed(first, usb, centre)
    assert done.written.path.parent == usb / "SABAQ" / "class-1-to-centre"

    [found] = arrived(centre, usb)
    assert (found.sender, found.ready, found.new, found.taken_at) == ("class-1", True, 1, None)
    assert people(centre) == {}, "looking changes nothing"
    visit = courier.take_all(here(centre), [found.path], now=NOW)
    courier.answer(here(centre), stick.folder(usb), visit, ticket="t2", now=NOW)
    assert number in people(centre)

    [back] = [one for one in arrived(first, usb) if one.ready]
    assert back.sender == "centre"
    courier.take_all(here(first), [back.path], now=NOW)
    with first.database.sessions() as db:
        left = courier.owed(db, "class-1", "centre")
    assert left.tables.get("person", 0) == left.tables.get("audit_event", 0) == 0
    assert exchanges(first)[0] == ("centre", "out", "sent")
    assert (usb / "holiday.jpg").read_bytes() == b"a picture"


@pytest.mark.goal("NET-05")
def test_a_lost_stick_shows_nothing(nodes: list[Installation], usb: Path) -> None:
    """No file on the stick holds a name, a service number or a table in plain text; the text for the finder names nobody."""
    centre, first, _ = nodes
    number = walk_in(first, "Qalqamanov")

    handed(first, usb, centre)

    everything = b"".join(path.read_bytes() for path in usb.rglob("*") if path.is_file())
    assert not any(word.encode() in everything for word in (number, "Qalqamanov", "person_name", "audit_event"))
    texts = (usb / "SABAQ" / "README.txt").read_text(encoding="utf-8")
    assert "class-1" not in texts
    assert len(texts.split("\n\n")) == 3


def test_several_versions_lie_side_by_side_and_only_confirmed_ones_make_room(
    nodes: list[Installation], usb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second bundle leaves the first where it is; when there is no room, what the centre has confirmed goes, and nothing else."""
    centre, first, second = nodes
    walk_in(first)
    one = handed(first, usb, centre, "t1").written.path
    walk_in(second)
    foreign = handed(second, usb, centre, "t2").written.path
    walk_in(first)
    two = handed(first, usb, centre, "t3").written.path
    assert one.exists()
    assert two.exists()
    assert one.name < two.name
    visit = courier.take_all(here(centre), [one], now=NOW)
    courier.answer(here(centre), stick.folder(usb), visit, ticket="t4", now=NOW)
    courier.take_all(here(first), [one.path for one in arrived(first, usb) if one.ready], now=NOW)
    walk_in(first)

    real = stick._look
    full = lambda path, kind: stick.Stick(path, free=stick.PIECE, total=1, largest=None) if real(path, kind) else None  # noqa: E731
    monkeypatch.setattr(stick, "_look", full)
    done = handed(first, usb, centre, "t5")

    assert one in done.removed
    assert two not in done.removed
    assert foreign not in done.removed
    assert two.exists()
    assert foreign.exists()
    assert done.written.path.exists()


# ---- what should not be on it ------------------------------------------------------------------------------------------


def test_a_stick_that_came_back_unread_is_named(nodes: list[Installation], usb: Path) -> None:
    """Own bundles are known as own, and are not taken."""
    centre, first, _ = nodes
    walk_in(first)
    handed(first, usb, centre)

    [found] = arrived(first, usb)

    assert found.own
    assert not found.ready
    assert found.wrong is not None
    assert found.wrong.params == {"node": "centre"}


def test_everything_strange_on_a_stick_is_named_beside_what_can_be_taken(nodes: list[Installation], usb: Path, tmp_path: Path) -> None:
    """Another class server's answer, a stranger's bundle, a half-written one, a letter with our ending: each with its reason."""
    centre, first, second = nodes
    walk_in(first)
    good = handed(first, usb, centre).written.path
    stranger = install(tmp_path / "elsewhere", "class-9", role="classroom")
    copy_rows(centre, [stranger])
    handed(stranger, usb, centre, "t2")
    courier.hand_over(here(centre), stick.folder(usb), to="class-2", ticket="t3", now=NOW)
    walk_in(second)
    half = handed(second, usb, centre, "t4").written.path
    half.replace(stick.part_of(half))
    (usb / "letter.sabaq").write_bytes(b"Dear centre,")

    at_first = {one.path.name: one for one in arrived(first, usb)}
    found = arrived(centre, usb)

    assert found[0].path == good
    assert found[0].ready
    said = sorted(one.wrong.text[:22] for one in found[1:] if one.wrong)
    assert said == ["Not written to its end", "This bundle comes from", "This file is not a bun", "This server made it fo"]
    assert sum(one.ready for one in found) == 1
    assert not any(one.ready for one in at_first.values()), "an answer for class-2 is none for class-1"
    stranger.close()


@pytest.mark.goal("NET-06")
def test_a_spoiled_bundle_is_refused_whole_and_the_good_one_beside_it_is_taken(nodes: list[Installation], usb: Path) -> None:
    """One bundle that was changed anywhere stops none of the others; nothing of it is taken, and the refusal is noted with its reason."""
    centre, first, second = nodes
    walk_in(first)
    bad = handed(first, usb, centre, "t1").written.path
    number = walk_in(second)
    good = handed(second, usb, centre, "t2").written.path
    kind, data = mutator.spoiled(bad.read_bytes(), random.Random(7))
    bad.write_bytes(data)

    visit = courier.take_all(here(centre), [bad, good], now=NOW)

    assert [path for path, _ in visit.refused] == [bad], kind
    assert list(people(centre)) == [number]
    assert tuple(state for _, direction, state in exchanges(centre) if direction == "in") == ("refused", "taken")


# ---- pulled out --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-06")
def test_a_stick_pulled_at_any_frame_while_it_is_taken_leaves_whole_segments(
    nodes: list[Installation], usb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulled at any read, while it is verified or taken: each segment is there whole or not at all, and the next try goes on to the end."""
    monkeypatch.setattr(frames, "FRAME", 512)
    centre, first, _ = nodes
    for _ in range(6):
        walk_in(first)
    first.seal(size=5)
    path = handed(first, usb, centre).written.path
    total, pulled = segments_at(first, first), set()
    take = frames.FrameReader._take

    for at in itertools.count(0, 3):
        count = 0

        def failing_take(self: Any, n: int, at: int = at) -> bytes:
            nonlocal count
            count += 1
            if count > at:
                raise BadBundle("unreadable", bytes=self.at)
            return take(self, n)

        with monkeypatch.context() as patch:
            patch.setattr(frames.FrameReader, "_take", failing_take)
            with contextlib.suppress(BadBundle):
                courier.take_all(here(centre), [path], now=NOW)
                break
        there = segments_at(centre, first)
        pulled.add(there)
        with centre.database.sessions() as db:
            numbers = sorted(db.scalars(sa.select(StoredSegment.number).where(StoredSegment.node == "class-1")))
            assert numbers == list(range(1, there + 1))

    courier.take_all(here(centre), [path], now=NOW)
    assert pulled >= set(range(total)), "it was pulled after each segment"
    assert segments_at(centre, first) == total
    assert people(centre) == people(first)


@pytest.mark.goal("NET-05")
def test_a_pulled_stick_gets_the_same_bundle_when_it_is_put_in_again(
    nodes: list[Installation], usb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle waits on the server: the copy goes on where it stopped, and only then the file here goes."""
    small_pieces(monkeypatch, 512)
    monkeypatch.setattr(stick, "from_the_medium", lambda path: iter([path.read_bytes()]))  # pages of 512 bytes cannot be read directly
    centre, first, _ = nodes
    walk_in(first)
    with failing(usb, monkeypatch) as state:
        state.write_until = 1500
        with pytest.raises(stick.StickGone):
            handed(first, usb, centre)
    waiting = staging.of(first.config.folder, "centre").folder
    [kept] = waiting.glob("by-hand-*.bundle")
    bundle = bundles.peek(kept).id

    done = handed(first, usb, centre)

    assert (done.made.bundle, done.written.kept) == (bundle, 1024)
    assert list(waiting.glob("by-hand-*")) == []
    assert exchanges(first) == [("centre", "out", "sent")]


def test_a_given_up_try_does_not_stay_on_the_stick(nodes: list[Installation], usb: Path) -> None:
    """What a pulled stick was left with goes when a later bundle stands there whole; other nodes' half bundles stay."""
    centre, first, second = nodes
    walk_in(first)
    walk_in(second)
    for node, ticket in ((first, "t1"), (second, "t2")):
        whole = handed(node, usb, centre, ticket).written.path
        whole.replace(stick.part_of(whole))

    done = handed(first, usb, centre, "t3")

    assert [path.parent.name for path in stick.files(usb) if path.suffix == stick.PART] == ["class-2-to-centre"]
    assert done.written.path.exists()


# ---- two at once -------------------------------------------------------------------------------------------------------


def test_two_imports_of_one_senders_bundles_do_not_mix(nodes: list[Installation], usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one waits for a while, then is told that the first is under way; nothing of it is half-done."""
    monkeypatch.setattr(staging, "PATIENCE", 0.0)
    centre, first, _ = nodes
    walk_in(first)
    path = handed(first, usb, centre).written.path
    entered, go_on = threading.Event(), threading.Event()

    def holding() -> None:
        with staging.of(centre.config.folder, "class-1").taking():
            entered.set()
            go_on.wait(10)

    other = threading.Thread(target=holding)
    other.start()
    assert entered.wait(10)
    with pytest.raises(staging.UnderWay):
        courier.take_all(here(centre), [path], now=NOW)
    go_on.set()
    other.join()

    assert people(centre) == {}
    courier.take_all(here(centre), [path], now=NOW)
    assert people(centre) == people(first)


def test_a_stick_waits_for_an_exchange_over_the_line_that_is_nearly_over(nodes: list[Installation], usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in and answered while the line is busy for a moment: nobody is told to try again."""
    centre, first, _ = nodes
    walk_in(first)
    handed(first, usb, centre)
    for lock, deed in (
        ("taking", lambda: courier.take_all(here(centre), list(usb.rglob("*.sabaq")), now=NOW)),
        ("alone", lambda: handed(centre, usb, first)),
    ):
        line = contextlib.ExitStack()
        line.enter_context(getattr(staging.of(centre.config.folder, "class-1"), lock)())
        monkeypatch.setattr(staging.time, "sleep", lambda _seconds, line=line: line.close())
        deed()
        line.close()

    assert people(centre) == people(first)


def test_a_class_writes_its_stick_while_a_weak_line_sends_for_an_hour(nodes: list[Installation], usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stick exists for classes whose line is weak: it does not wait for the line to come to an end."""
    monkeypatch.setattr(staging, "PATIENCE", 0.0)
    centre, first, _ = nodes
    walk_in(first)

    with staging.of(first.config.folder, "centre").alone():
        handed(first, usb, centre)

    courier.take_all(here(centre), list(usb.rglob("*.sabaq")), now=NOW)
    assert people(centre) == people(first)


def test_a_class_reads_a_stick_in_while_a_weak_line_sends_for_an_hour(nodes: list[Installation], usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came on the stick is taken at once: the line stands in its way only while it takes a bundle itself."""
    monkeypatch.setattr(staging, "PATIENCE", 0.0)
    centre, first, _ = nodes
    handed(centre, usb, first)
    [bundle] = usb.rglob("*.sabaq")
    place = staging.of(first.config.folder, "centre")

    with place.taking(), pytest.raises(staging.UnderWay):
        courier.take(here(first), bundle, now=NOW)
    with place.alone():
        outcome = courier.take(here(first), bundle, now=NOW)

    assert (outcome.state, outcome.down) == ("taken", 1)


def test_a_centre_on_postgresql_reads_and_answers_sticks_like_one_on_sqlite(tmp_path: Path, usb: Path, database: Database) -> None:
    """Looked at, taken, answered; what the class has confirmed is known as confirmed."""
    config = Config(NODE="test", INSTANCE=str(tmp_path / "centre"), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    centre = Installation(config, database, keys.load_or_make(config.folder))
    first = install(tmp_path / "class", "class-1", role="classroom")
    with work(database) as db:
        office = make_office(db)
        make_agency(db, db.get_one(Country, office.country_id))
        make_nodes(db, [centre, first], office.id)
    copy_rows(centre, [first])
    walk_in(first)
    handed(first, usb, centre)

    [found] = arrived(centre, usb)
    visit = courier.take_all(here(centre), [found.path], now=NOW)
    courier.answer(here(centre), stick.folder(usb), visit, ticket="t2", now=NOW)
    courier.take_all(here(first), [one.path for one in arrived(first, usb) if one.ready], now=NOW)
    handed(first, usb, centre, "t3")
    courier.take_all(here(centre), [one.path for one in arrived(centre, usb) if one.useful], now=NOW)

    assert (found.new, found.taken_at) == (1, None)
    assert people(centre).items() >= people(first).items()
    with database.sessions() as db:
        line = db.scalars(sa.select(Exchange).where(Exchange.direction == "out")).one()
        assert courier.confirmed(db, "test", line)
    first.close()


# ---- as a file ---------------------------------------------------------------------------------------------------------


def test_a_bundle_made_as_a_file_is_kept_until_it_has_left(nodes: list[Installation]) -> None:
    """It is found by its line among the exchanges, made once for a ticket, and gone once it is forgotten."""
    _centre, first, _ = nodes
    walk_in(first)
    made = courier.make(here(first), to="centre", ticket="t1", now=NOW)
    with first.database.sessions() as db:
        line = db.get_one(Exchange, made.exchange)
        assert courier.waiting_file(here(first), line) == made
    assert courier.make(here(first), to="centre", ticket="t1", now=NOW) == made
    assert bundles.peek(made.path).id == made.bundle

    courier.left(here(first), made, now=NOW)
    courier.forget(here(first), made)

    with first.database.sessions() as db:
        line = db.get_one(Exchange, made.exchange)
        assert line.state == "sent"
        with pytest.raises(Exception, match="no longer kept"):
            courier.waiting_file(here(first), line)
