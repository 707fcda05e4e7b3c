"""The same network driven by Hypothesis, which shortens what it finds to the few steps that matter."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from app import ids
from tests.simulation import carrying, deeds, faults, history, invariants
from tests.simulation.first_day import CLASSES
from tests.simulation.history import Simulation, simulation
from tests.simulation.world import CENTRE, World

DRAWS = st.integers(0, 10_000)
SEED = 2  # of the order in which I7 hands the segments over


class Network(RuleBasedStateMachine):
    """A centre and two class servers; each rule is one thing that people do or that goes wrong."""

    simulated: Simulation

    @initialize()
    def first_day(self) -> None:
        """Everything as it was when the class servers had joined."""
        self.stack = ExitStack()
        self.stack.enter_context(ids.using(random.Random("machine")))
        self.world = World(SEED, self.simulated.template, self.simulated.folder, invariants.ALWAYS)
        self.world.start([CENTRE, *CLASSES[:2]])

    def _happens(self, draw: int, what: Callable[[World], object]) -> None:
        self.world.step += 1
        self.world.time.passes(60)
        self.world.chance = random.Random(draw)
        what(self.world)

    @rule(draw=DRAWS)
    def somebody_does_something(self, draw: int) -> None:
        """A deed on one of the machines."""
        self._happens(draw, lambda world: deeds.some_deed(world, world.chance.choice([world.centre, *world.classes()])))

    @rule(draw=DRAWS, cut=st.sampled_from((9, 1, 2, 3, 4)))
    def over_the_line(self, draw: int, cut: int) -> None:
        """An exchange over the line, cut or whole."""
        self._happens(draw, lambda world: carrying.over_the_line(world, faults.any_class(world) or world.centre, cut))

    @rule(draw=DRAWS)
    def a_stick_is_written(self, draw: int) -> None:
        """A class server writes a stick for the centre."""

        def write(world: World) -> None:
            server = faults.any_class(world)
            stick = carrying.make(world, server, CENTRE) if server else None
            if stick is not None:
                world.sticks.append(stick)

        self._happens(draw, write)

    @rule(draw=DRAWS)
    def a_stick_arrives(self, draw: int) -> None:
        """Whole, spoiled, again, or at the wrong house."""
        self._happens(draw, history._deliver)

    @rule(draw=DRAWS, fault=st.sampled_from([faults.power_cut, faults.back_up, faults.restore, faults.clone, faults.set_clock, faults.change_release]))
    def something_goes_wrong(self, draw: int, fault: Callable[[World], None]) -> None:
        """A fault."""
        self._happens(draw, fault)

    def teardown(self) -> None:
        """Faults stop: all must come together, and all invariants hold."""
        if not hasattr(self, "world"):
            return
        try:
            self.world.chance = random.Random("the end")
            history._come_together(self.world)
            for check in invariants.AT_REST:
                check(self.world)
        finally:
            for machine in self.world.machines.values():
                machine.stop()
            self.stack.close()


@pytest.mark.goal("NET-22")
def test_whatever_happens_all_come_together() -> None:
    """Steps in any order that Hypothesis thinks of: no invariant breaks, and at the end all nodes hold the same."""
    with simulation() as simulated:
        machine = type("OneNetwork", (Network,), {"simulated": simulated})
        run = machine.TestCase  # type: ignore[attr-defined]
        run.settings = settings(max_examples=30, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
        run("runTest").runTest()
