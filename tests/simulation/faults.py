"""What goes wrong: power, disks that are put back or copied, clocks, thieves, old releases. Which kinds a history has is drawn from its seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app import ids
from app.ops import VERSION, migrations
from app.sync import bundles, joining, segments
from app.sync.bundles import SEGMENT, Part
from app.work import work
from tests.simulation import carrying, deeds
from tests.simulation.world import CENTRE, Machine, World

ANCHOR = "anchor.json"
BETWEEN = frozenset({"commit", "fsync", "replace"})  # where one thing is done and the next has not begun
WRONG_DATES = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC))


@dataclass(frozen=True)
class Fault:
    """A kind of thing that goes wrong, and how often against the others."""

    name: str
    weight: int
    strike: Callable[[World], None]


def any_class(world: World) -> Machine | None:
    """One of the class servers that still work."""
    found = world.classes()
    return world.chance.choice(found) if found else None


def power_cut(world: World) -> None:
    """The power of some machine fails at one of its next writes, whatever it does then."""
    machine = world.chance.choice([world.centre, *world.classes()])
    if world.chance.random() < 0.5:
        machine.power.fails_in(world.chance.randint(1, 12), BETWEEN)
    else:  # most deeds pass about thirty points, taking a bundle some hundreds
        machine.power.fails_in(world.chance.randint(1, world.chance.choice((5, 30, 300))))
    world.note(machine, "its power will fail")


def back_up(world: World) -> None:
    """Somebody keeps an image of a disk."""
    machine = world.chance.choice([world.centre, *world.classes()])
    world.images.setdefault(machine.place, []).append(machine.image())
    world.note(machine, "its disk is copied into the cupboard")


def restore(world: World) -> None:
    """An old database is put back: without its anchor, with today's anchor, or the whole disk, anchor and all."""
    kept = sorted(place for place, images in world.images.items() if images and place in world.machines and not world.machines[place].lost)
    if not kept:
        back_up(world)
        return
    machine = world.machines[world.chance.choice(kept)]
    image = world.chance.choice(world.images[machine.place])
    how = world.chance.choice(("database", "no anchor", "whole disk"))
    if how == "database":
        machine.put(image, files=lambda name: False)
    else:
        machine.put(image)
        if how == "no anchor":
            (machine.folder / ANCHOR).unlink(missing_ok=True)
    machine.blind = how == "whole disk" or (how == "database" and machine.blind)  # an old anchor fits an old database
    world.happened |= {"restore"} | ({"centre restored"} if machine.role == "centre" else set())
    world.note(machine, f"its database of step {image.mark} is put back ({how})")
    world.restart(machine)
    world.look_at(machine)
    machine.fresh = set()
    for code in sorted(world.revoked if machine.role == "centre" else ()):
        revoke(world, code)  # it has forgotten that: the people who look at the alarm have not
    if machine.role == "centre":
        erase_again(world)


def erase_again(world: World) -> None:
    """Orders to erase that were given after the backup are given again; who has a place in that run again keeps his data."""
    for person in sorted(world.erased):
        if not world.centre.look("SELECT 1 FROM person p WHERE id = ?", person) or world.centre.erased(("person", person)):
            continue
        while True:
            done = deeds.erase_person(world, person)
            if done.refused:
                del world.erased[person]
            if done.ok or done.refused:
                break
            world.centre.power.disk_full = False
            world.centre.stop()


def clone(world: World) -> None:
    """A class server's whole disk is copied to another machine, and both go on."""
    machine = any_class(world)
    if machine is None or any(m.place == f"{machine.code}-2" for m in world.machines.values()):
        return
    twin = Machine(world, machine.code, f"{machine.code}-2")
    image = world.chance.choice([machine.image(), *world.images.get(machine.place, ())])
    twin.put(image)
    twin.clock.offset = machine.clock.offset
    if world.chance.random() < 0.5:
        twin.hardware, twin.blind, machine.blind = machine.hardware, True, True  # neither can know of the other
    world.known_keys[twin.place] = machine.keys()
    world.machines[twin.place] = twin
    world.happened.add("clone")
    world.note(twin, f"begins as a copy of {machine.name} of step {image.mark}{', of the same hardware' if twin.blind else ''}")
    world.restart(twin)
    world.look_at(twin)
    twin.fresh = set()


def set_clock(world: World) -> None:
    """A battery is empty, or somebody sets the clock."""
    machine = world.chance.choice([world.centre, *world.classes()])
    moment = world.chance.choice((*WRONG_DATES, world.time.now, world.time.now + timedelta(hours=world.chance.randint(-48, 48))))
    machine.clock.shows(moment)
    world.happened.add("clock")
    world.note(machine, "its clock is set")


def fill_disk(world: World) -> None:
    """A disk is full, or there is room again."""
    machine = world.chance.choice([world.centre, *world.classes()])
    machine.power.disk_full = not machine.power.disk_full
    machine.stop()  # connections learn the size when they are made
    world.note(machine, "its disk is full" if machine.power.disk_full else "its disk has room again")


def steal(world: World) -> None:
    """A class server is stolen with its keys and revoked at the centre; the thief goes on writing with it."""
    thieves = [m for m in world.machines.values() if m.thief]
    if thieves:
        forge(world, thieves[0])
        return
    machine = any_class(world)
    if machine is None or machine.place != machine.code or len(world.classes()) < 2 or f"{machine.code}-2" in world.machines:
        return
    machine.lost = machine.thief = True
    world.happened.add("stolen")
    world.note(machine, "is stolen")
    world.revoked.add(machine.code)
    revoke(world, machine.code)
    forge(world, machine)


def revoke(world: World, code: str) -> None:
    """The centre trusts a node no more. People see to it that this is done, however often the power fails."""
    centre = world.centre

    def do() -> None:
        with work(centre.database) as db:
            node = joining.node_of(db, code)
            assert node is not None
            if node.state != "revoked":
                joining.revoke(db, node, why="stolen", by=world.template.people[CENTRE], now=centre.clock.now())

    while not world.ask(centre, f"revokes {code}", do).ok:
        centre.power.disk_full = False
        centre.stop()


def forge(world: World, thief: Machine) -> None:
    """The thief writes what he likes and signs it with the stolen key; the stick reaches the centre some day."""
    known = set(world.ledger)
    thief.power.comes_back()
    thief.power.disk_full = False
    thief.stop()
    for _ in range(3):
        deeds.some_deed(world, thief)
    world.forged |= set(world.ledger) - known
    stick = carrying.make(world, thief, CENTRE)
    if stick is not None:
        world.sticks.append(stick)


def lie(world: World) -> None:
    """A class server sends a segment in another's name, signed with its own key."""
    liars = world.classes()
    others = [m for m in liars if m.code != liars[0].code]
    if not others or liars[0].power.disk_full:
        return
    liar, victim = liars[0], world.chance.choice(others)
    held = world.centre.look(
        "SELECT epoch, ordinal, number, hash FROM segment WHERE node = ? AND stream = 'up' ORDER BY ordinal DESC, number DESC LIMIT 1", victim.code
    )
    epoch, ordinal, number, before = held[0] if held else ("0" * 16, 1, 0, "")

    def do() -> bytes:
        now = liar.clock.now()
        content = {
            "id": str(ids.new_id()), "owner_node": victim.code, "at": now.isoformat(), "actor_id": None, "what": "export", "about": "", "detail": {},
        }  # fmt: skip
        lied = segments.seal(
            [["f", "audit_event", content]], stream="up", node=victim.code, epoch=epoch, ordinal=ordinal, number=number + 1, prev=before, sealed_at=now,
            keys=liar.keys(), random=ids.random_bytes,
        )  # fmt: skip
        part = Part.of(SEGMENT, segments.to_bytes(lied), node=victim.code, stream="up", epoch=epoch, number=number + 1, hash=lied.hash)
        (liar.folder / "exchange").mkdir(exist_ok=True)
        made = bundles.write(
            liar.folder / "exchange" / "lie.sabaq", [part], sender=liar.keys(), receiver=world.centre.keys().public, node=liar.code, to=CENTRE, made_at=now,
            release=VERSION, migration=migrations.newest(), statement={},
        )  # fmt: skip
        data = made.path.read_bytes()
        made.path.unlink()
        return data

    lied = world.ask(liar, f"writes in the name of {victim.code}", do)
    if not lied.ok:
        return
    world.bundles += 1
    world.happened.add("lie")
    forged = carrying.Bundle(world.bundles, liar.place, liar.code, CENTRE, lied.value, spoiled=f"with a segment in the name of {victim.code}")
    carrying.deliver(world, forged, world.centre)


def change_release(world: World) -> None:
    """A class server runs an older release, or is brought up to date."""
    machine = world.chance.choice([world.centre, *world.classes()])
    if machine.old_release:
        update(world, machine)
    else:
        machine.old_release = True
        world.happened.add("skew")
        world.note(machine, "runs an older release")


def update(world: World, machine: Machine) -> None:
    """Today's release: what was not understood is tried again."""
    machine.old_release = False
    world.ask(machine, "is updated", lambda: carrying.understand(machine))


FAULTS = (
    Fault("power", 8, power_cut),
    Fault("restore", 7, restore),
    Fault("clone", 3, clone),
    Fault("clock", 3, set_clock),
    Fault("disk full", 2, fill_disk),
    Fault("stolen", 2, steal),
    Fault("skew", 3, change_release),
    Fault("lie", 2, lie),
)


def stop_all(world: World) -> None:
    """Faults stop: power is steady, disks have room, releases are today's. Clocks stay as wrong as they are."""
    for machine in [world.centre, *world.classes()]:
        machine.power.comes_back()
        if machine.power.disk_full:
            machine.power.disk_full = False
            machine.stop()
        if machine.old_release:
            update(world, machine)
