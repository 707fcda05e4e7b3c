"""One history: what people do and what goes wrong, drawn from a seed; then faults stop, and all must come together."""

from __future__ import annotations

import gc
import random
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app import ids
from tests.simulation import carrying, deeds, faults, first_day, invariants, ports, tables
from tests.simulation.faults import FAULTS, Fault
from tests.simulation.ports import PowerCut
from tests.simulation.world import CENTRE, Violation, World, forget, memory_folder

ROUNDS = 3
SPOILED_SHARE = 0.15
DEEDS = (1, 2, 4, 6)  # one after the other: they cost little, and each finds more to do with


@dataclass
class Told:
    """What a history came to."""

    seed: int
    trace: str  # hash over all that happened, bundles included: equal where a seed was replayed to the byte
    timeline: list[str] = field(repr=False)
    violation: Violation | None = None
    happened: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """For people: the seed, what happened line by line, what was violated."""
        lines = [f"seed {self.seed}", *self.timeline]
        if self.violation:
            lines.append(f"VIOLATED {self.violation}")
        return "\n".join(lines)


class Simulation:
    """A folder in memory, the first day in it, and any number of histories from there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = first_day.template(folder)

    def history(self, seed: int) -> Told:
        """What comes of a seed. Nothing but the seed and the code decides it."""
        gc.collect(1)
        world = World(seed, self.template, self.folder, invariants.ALWAYS)
        violation = None
        try:
            with ids.using(random.Random(f"ids {seed}")):
                _live(world)
                _come_together(world)
                for check in invariants.AT_REST:
                    check(world)
        except Violation as found:
            violation = found
        except (Exception, PowerCut) as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            violation = Violation("crash", f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")
            violation.__cause__ = error
        finally:
            for machine in [*world.machines.values()]:
                machine.stop()
        if violation:
            world.digest.update(str(violation).encode())
        return Told(seed, world.digest.hexdigest(), world.timeline, violation, frozenset(world.happened))


@contextmanager
def simulation() -> Iterator[Simulation]:
    """A simulation, and its folder gone afterwards."""
    folder = memory_folder()
    try:
        with ports.simulated_files(), tables.few_tables():
            simulated = Simulation(folder)
            gc.freeze()
            gc.disable()  # a fifth of the time goes into looking for what one collection a history finds as well
            yield simulated
    finally:
        gc.enable()
        forget(folder)


# ---- faults and deeds --------------------------------------------------------------------------------------------------


def _live(world: World) -> None:
    """Draw which kinds of faults this history has, and let it happen."""
    chance = world.chance
    classes = list(first_day.CLASSES[: chance.choice((1, 2, 2, 3))])
    kinds = [fault for fault in FAULTS if chance.random() < 0.4]
    steps = chance.choice((6, 10, 16, 32))
    world.start([CENTRE, *classes])
    world.note(None, f"{', '.join(classes)}; faults: {', '.join(fault.name for fault in kinds) or 'none but lost sticks'}")
    for world.step in range(1, steps + 1):
        world.time.passes(chance.choice((5, 60, 600, 3600)))
        _something(world, kinds)


def _something(world: World, kinds: list[Fault]) -> None:
    chance = world.chance
    what = chance.choices(("deed", "seal", "line", "stick", "deliver", "lose", "back up", "fault"), (24, 4, 7, 6, 8, 1, 4, 14 if kinds else 0))[0]
    machine = chance.choice([world.centre, *world.classes()])
    if what == "deed":
        for _ in range(chance.choice(DEEDS)):
            deeds.some_deed(world, machine)
    elif what == "seal":
        carrying.seal(world, machine)
    elif what == "line":
        server = faults.any_class(world)
        if server is not None:
            carrying.over_the_line(world, server, chance.choice((9, 9, 9, 0, 1, 2, 3, 4)))
    elif what == "stick":
        to = CENTRE if machine.role != "centre" else chance.choice([m.code for m in world.classes()] or [""])
        stick = carrying.make(world, machine, to) if to else None
        if stick is not None:
            world.sticks.append(stick)
    elif what == "deliver":
        _deliver(world)
    elif what == "lose" and world.sticks:
        lost = world.sticks.pop(chance.randrange(len(world.sticks)))
        world.note(None, f"{lost} is lost")
    elif what == "back up":
        faults.back_up(world)
    elif what == "fault":
        (fault,) = chance.choices(kinds, [kind.weight for kind in kinds])
        fault.strike(world)


def _deliver(world: World) -> None:
    """A stick arrives, in any order; it may stay in the pocket and arrive again, be spoiled, or come to the wrong house."""
    chance = world.chance
    if not world.sticks:
        return
    stick = world.sticks[chance.randrange(len(world.sticks))]
    if chance.random() < SPOILED_SHARE:
        stick = carrying.spoil(world, stick)
        houses = [m for m in [world.centre, *world.classes()] if (m.code == stick.to) != (stick.spoiled == "for somebody else")]
    else:
        if chance.random() < 0.6:
            world.sticks.remove(stick)
            world.delivered.append(stick)
        houses = [m for m in [world.centre, *world.classes()] if m.code == stick.to]
    if houses:
        carrying.deliver(world, stick, chance.choice(houses))


# ---- when faults have stopped --------------------------------------------------------------------------------------------


def _come_together(world: World) -> None:
    """I20: once faults stop, all nodes converge in at most three rounds."""
    world.step += 1
    world.note(None, "faults stop")
    faults.stop_all(world)
    world.chance.shuffle(world.sticks)
    for stick in world.sticks:
        for machine in [world.centre, *world.classes()]:
            if machine.code == stick.to:
                carrying.deliver(world, stick, machine)
    for number in range(1, ROUNDS + 1):
        world.step += 1
        world.note(None, f"round {number}")
        for machine in world.classes():
            world.time.passes(60)
            if world.chance.random() < 0.5:
                carrying.over_the_line(world, machine)
            else:
                carrying.by_stick(world, machine)
        left = invariants.apart(world)
        if not left:
            carrying.seal(world, world.centre)
            return
    raise Violation("I20", f"not together after {ROUNDS} rounds: {left}")
