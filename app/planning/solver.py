"""Who into which slot, for many slots at once: as many filled as can be, then the most points. No Flask, no database."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations

FILLED = 1000
"""What filling a slot is worth beside points: more than any points, so that no slot stays empty for them."""
MOST_SECONDS = 10.0


@dataclass(frozen=True)
class Option:
    """Somebody who fits a slot: his points, and what it adds to his load by (unit, first day of it) in hundredths of a day."""

    slot_id: uuid.UUID
    trainer_id: uuid.UUID
    points: int
    adds: Mapping[tuple[str, date], int] = field(default_factory=dict)

    @property
    def worth(self) -> int:
        """What the choice is worth."""
        return FILLED + self.points


@dataclass(frozen=True)
class Task:
    """Slots to fill, who could, and what does not go together."""

    options: Sequence[Option]
    apart: frozenset[frozenset[uuid.UUID]] = frozenset()  # pairs of slots that no one person can take both of
    left: Mapping[tuple[uuid.UUID, str, date], int] = field(default_factory=dict)  # trainer, unit, start -> load that is still free
    never: frozenset[frozenset[tuple[uuid.UUID, uuid.UUID]]] = frozenset()  # pairs of (slot, trainer): who must not teach together


def conflicts(task: Task) -> Iterable[tuple[int, int]]:
    """Pairs of options, by place, that exclude each other, apart from load."""
    for (m, one), (n, other) in combinations(enumerate(task.options), 2):
        if (
            one.slot_id == other.slot_id
            or (one.trainer_id == other.trainer_id and frozenset((one.slot_id, other.slot_id)) in task.apart)
            or frozenset(((one.slot_id, one.trainer_id), (other.slot_id, other.trainer_id))) in task.never
        ):
            yield m, n


def solve(task: Task) -> list[Option]:
    """The best choice: nobody twice at once, nobody above his load. The same task gives the same choice."""
    if not task.options:
        return []
    import highspy  # slow to import

    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (("output_flag", False), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.5), ("threads", 1), ("time_limit", MOST_SECONDS)):
        solver.setOptionValue(name, value)
    taken = [solver.addBinary(obj=float(one.worth)) for one in task.options]
    by_slot: dict[uuid.UUID, list[int]] = defaultdict(list)
    by_trainer: dict[uuid.UUID, list[int]] = defaultdict(list)
    for n, one in enumerate(task.options):
        by_slot[one.slot_id].append(n)
        by_trainer[one.trainer_id].append(n)
    for places in by_slot.values():
        if len(places) > 1:
            solver.addConstr(sum(taken[n] for n in places) <= 1)
    for trainer_id, places in by_trainer.items():
        for m, n in combinations(places, 2):
            if frozenset((task.options[m].slot_id, task.options[n].slot_id)) in task.apart:
                solver.addConstr(taken[m] + taken[n] <= 1)
        loads: dict[tuple[str, date], list[int]] = defaultdict(list)
        for n in places:
            for period in task.options[n].adds:
                loads[period].append(n)
        for period, several in loads.items():
            free = task.left.get((trainer_id, *period))
            if free is not None:
                solver.addConstr(sum(float(task.options[n].adds[period]) * taken[n] for n in several) <= float(free))
    at = {(one.slot_id, one.trainer_id): n for n, one in enumerate(task.options)}
    for pair in task.never:
        both = [at[one] for one in pair if one in at]
        if len(both) == 2:
            solver.addConstr(taken[both[0]] + taken[both[1]] <= 1)
    solver.setMaximize()  # type: ignore[no-untyped-call]
    solver.run()
    values = solver.getSolution().col_value
    return [one for one, value in zip(task.options, values, strict=True) if value > 0.5]
