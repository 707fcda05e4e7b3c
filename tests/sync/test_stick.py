"""Sticks: found, written, pulled out, full, locked, lying, and read back before anybody is told to remove them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.sync import stick
from tests.sync.sticks import failing, small_pieces

PAGE = 4096


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A bundle of ten pages and a bit."""
    path = tmp_path / "made.sabaq"
    path.write_bytes(os.urandom(10 * PAGE + 123))
    return path


@pytest.fixture
def usb(tmp_path: Path) -> Path:
    """A stick with somebody's own file on it."""
    folder = tmp_path / "KINGSTON"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"a picture")
    return folder


def target_on(usb: Path, number: int = 7) -> Path:
    return stick.place(usb, sender="class-a", receiver="centre", number=number, bundle="ab" * 16)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- finding -----------------------------------------------------------------------------------------------------------


def test_sticks_are_the_devices_mounted_where_sticks_are_mounted(tmp_path: Path) -> None:
    """Only mounted devices below the usual folders are offered, never the system's own disks or a folder that plays one."""
    media = tmp_path / "media"
    for name in ("RED STICK", "nfs", "plain"):
        (media / "anna" / name).mkdir(parents=True)
    home = tmp_path / "home"
    home.mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/sdb1 {media}/anna/RED\\040STICK vfat rw 0 0\nserver:/share {media}/anna/nfs nfs rw 0 0\n"
        f"/dev/sda1 {home} ext4 rw 0 0\n/dev/sdc1 {media}/anna/pulled vfat rw 0 0\nbroken\n"
    )

    found = stick.sticks(mounts=mounts, roots=(media,))

    assert [(one.path, one.name, one.largest) for one in found] == [(media / "anna" / "RED STICK", "RED STICK", stick.FAT_LARGEST)]


def test_the_folder_of_the_setting_counts_as_a_stick(tmp_path: Path, usb: Path) -> None:
    """A folder named by a setting is offered while it is there."""
    none = tmp_path / "no-mounts"

    assert [one.path for one in stick.sticks(str(usb), mounts=none)] == [usb]
    assert stick.sticks(str(tmp_path / "gone"), mounts=none) == []


def test_a_form_names_a_stick_that_is_there_and_no_other_folder(tmp_path: Path, usb: Path) -> None:
    """A path that is no stick is refused, so that no form writes into the server's own folders."""
    none = tmp_path / "no-mounts"

    assert stick.stick_at(str(usb), str(usb), mounts=none).path == usb
    with pytest.raises(stick.NoSuchStick):
        stick.stick_at(str(tmp_path), str(usb), mounts=none)
    with pytest.raises(stick.NoSuchStick):
        stick.folder(tmp_path / "gone")


def test_bundles_are_found_wherever_a_person_put_them(usb: Path) -> None:
    """In our folder, at the top, one folder deep, half-written ones too; foreign files and hidden copies are none."""
    ours = target_on(usb)
    ours.parent.mkdir(parents=True)
    here = [ours, stick.part_of(target_on(usb, 8)), usb / "class-a.sabaq", usb / "From Aliya" / "class-b.sabaq"]
    (usb / "From Aliya").mkdir()
    for path in (*here, usb / "._class-a.sabaq", usb / "letter.doc"):
        path.write_bytes(b"x")

    assert stick.files(usb) == sorted(here)


# ---- writing -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-05")
def test_a_bundle_is_read_back_from_the_stick_before_it_counts(usb: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte is read back and compared, files and folder are synced, and only then the bundle has its name."""
    small_pieces(monkeypatch)
    seen = []
    with failing(usb, monkeypatch) as state:
        done = stick.put(source, target_on(usb), progress=lambda step, at, whole: seen.append((step, at)))

    assert done.path.read_bytes() == source.read_bytes()
    assert state.read == done.size == source.stat().st_size
    assert state.synced >= 11 + 1 + 1, "each piece, the file, the folder"
    assert seen[-1] == ("verifying", done.size)
    assert contents(usb)["holiday.jpg"] == b"a picture"


@pytest.mark.goal("NET-05")
def test_a_stick_that_gives_back_other_bytes_is_found_out(usb: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit that comes back wrong anywhere: nothing on the stick carries the bundle's name, and nothing of it is built on."""
    small_pieces(monkeypatch)
    size = source.stat().st_size
    for at in (0, 1, PAGE - 1, PAGE, 5 * PAGE + 17, size - 1):
        with failing(usb, monkeypatch) as state:
            state.lies_at = at
            with pytest.raises(stick.StickLies):
                stick.put(source, target_on(usb))

        assert list(contents(usb)) == ["holiday.jpg"]


@pytest.mark.goal("NET-06")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_stick_pulled_at_any_byte_leaves_no_bundle_and_goes_on_from_there(
    usb: Path, source: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    """Pulled while writing, syncing or reading back, however often: no file has the bundle's name until all of it is on the stick."""
    small_pieces(monkeypatch)
    target, size = target_on(usb), source.stat().st_size
    target.unlink(missing_ok=True)
    stick.part_of(target).unlink(missing_ok=True)
    for _ in range(data.draw(st.integers(1, 4))):
        with failing(usb, monkeypatch) as state:
            what = data.draw(st.sampled_from(["write", "read", "sync"]))
            # A later try has less to write: what is left is where it can break.
            there = stick.part_of(target).stat().st_size // PAGE * PAGE if stick.part_of(target).exists() else 0
            if what == "write" and size > there:
                state.write_until = data.draw(st.integers(0, size - there - 1))
            elif what == "read":
                state.read_until = data.draw(st.integers(0, size - 1)) // PAGE * PAGE
            else:
                state.sync_until = data.draw(st.integers(0, 1))
            with pytest.raises(stick.StickGone):
                stick.put(source, target)
        if what != "sync":  # a folder that could not be synced has the whole bundle in it
            assert not target.exists()

    done = stick.put(source, target)

    assert target.read_bytes() == source.read_bytes()
    assert not stick.part_of(target).exists()
    assert done.kept % PAGE == 0 or done.kept == size


def test_what_an_earlier_try_wrote_is_not_written_again(usb: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pull the copy goes on behind the whole pieces that are right on the stick."""
    small_pieces(monkeypatch)
    with failing(usb, monkeypatch) as state:
        state.write_until = 6 * PAGE + 100
        with pytest.raises(stick.StickGone) as gone:
            stick.put(source, target_on(usb))
        assert gone.value.done == 6 * PAGE

    with failing(usb, monkeypatch) as state:
        done = stick.put(source, target_on(usb))

    assert done.kept == 6 * PAGE
    assert state.written == source.stat().st_size - 6 * PAGE


def test_the_part_of_another_bundle_is_not_built_on(usb: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that differs from what is to be written, longer or torn, is overwritten."""
    small_pieces(monkeypatch)
    part = stick.part_of(target_on(usb))
    part.parent.mkdir(parents=True)
    part.write_bytes(source.read_bytes()[:PAGE] + os.urandom(20 * PAGE))

    done = stick.put(source, target_on(usb))

    assert done.kept == PAGE
    assert done.path.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("says", "refusal"),
    [(errno.ENOSPC, stick.StickFull), (errno.EROFS, stick.StickReadOnly), (errno.EFBIG, stick.FileTooLarge), (errno.ENODEV, stick.StickGone)],
)
def test_what_the_system_says_becomes_a_sentence(
    usb: Path, source: Path, monkeypatch: pytest.MonkeyPatch, says: int, refusal: type[Exception]
) -> None:
    """Full, locked, too large for FAT32 and pulled out are told apart; no bundle is left under its name."""
    small_pieces(monkeypatch)
    with failing(usb, monkeypatch) as state:
        state.write_until, state.says = 3 * PAGE, says
        with pytest.raises(refusal):
            stick.put(source, target_on(usb))

    assert not target_on(usb).exists()


def test_space_is_looked_at_before_anything_is_written(usb: Path) -> None:
    """A full, a locked and a FAT32 stick are refused by the size alone."""
    gigabyte = 1_000_000_000

    with pytest.raises(stick.StickFull) as full:
        stick.refuse_without_room(stick.Stick(usb, free=gigabyte, total=2 * gigabyte), 3 * gigabyte)
    assert full.value.message.params == {"needed": 3002, "free": 1000}
    with pytest.raises(stick.StickReadOnly):
        stick.refuse_without_room(stick.Stick(usb, free=gigabyte, total=gigabyte, read_only=True), 1)
    with pytest.raises(stick.FileTooLarge):
        stick.refuse_without_room(stick.Stick(usb, free=8 * gigabyte, total=8 * gigabyte, largest=stick.FAT_LARGEST), 5 * gigabyte)
    stick.refuse_without_room(stick.Stick(usb, free=gigabyte, total=gigabyte), gigabyte, there=gigabyte // 2)


def test_old_bundles_go_only_when_room_is_needed_and_when_it_helps(usb: Path) -> None:
    """Those that may go, oldest first, and no more than are needed; none when all of them would not be enough."""
    old = [target_on(usb, number) for number in (1, 2, 3)]
    old[0].parent.mkdir(parents=True)
    for path in old:
        path.write_bytes(b"x" * 1000)
    target, room = target_on(usb, 4), stick.PIECE + 3000

    assert stick.make_room(stick.Stick(usb, free=room, total=room), 3000, may_go=old, target=target) == []
    with pytest.raises(stick.StickFull):
        stick.make_room(stick.Stick(usb, free=room, total=room), 9000, may_go=old, target=target)
    assert all(path.exists() for path in old)
    assert stick.make_room(stick.Stick(usb, free=room, total=room), 4500, may_go=old, target=target) == old[:2]
    assert [path.exists() for path in old] == [False, False, True]
    assert (usb / "holiday.jpg").exists()


def test_the_text_on_the_stick_is_written_once(usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays when it says the same, and is replaced when it says something else."""
    stick.put_readme(usb, "Bring it to the centre.\nThank you.\n")
    path = usb / stick.FOLDER / stick.README
    assert path.read_bytes() == b"Bring it to the centre.\r\nThank you.\r\n"
    with failing(usb, monkeypatch) as state:
        stick.put_readme(usb, "Bring it to the centre.\nThank you.\n")
        assert state.synced == 0

    stick.put_readme(usb, "Something else.\n")

    assert path.read_bytes() == b"Something else.\r\n"
