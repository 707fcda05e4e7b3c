"""Who into which slot, for many slots at once: as many filled as can be, then the most points. No Flask, no database."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import combinations
from typing import Any

FILLED = 1000
"""What filling a slot is worth beside points: more than any points, so that no slot stays empty for them."""
MOST_SECONDS = 10.0


@dataclass(frozen=True)
class Option:
    """Somebody who fits a slot: his points, what it adds to his load by (unit, first day of it) in hundredths of a day, and its days."""

    slot_id: uuid.UUID
    trainer_id: uuid.UUID
    points: int
    adds: Mapping[tuple[str, date], int] = field(default_factory=dict)
    days: frozenset[date] = frozenset()

    @property
    def worth(self) -> int:
        """What the choice is worth."""
        return FILLED + self.points


@dataclass(frozen=True)
class Cap:
    """Of these choices, each a slot with a trainer, no more than so many."""

    choices: frozenset[tuple[uuid.UUID, uuid.UUID]]
    most: int


@dataclass(frozen=True)
class Task:
    """Slots to fill, who could, and what does not go together."""

    options: Sequence[Option]
    apart: frozenset[frozenset[uuid.UUID]] = frozenset()  # pairs of slots that no one person can take both of
    left: Mapping[tuple[uuid.UUID, str, date], int] = field(default_factory=dict)  # trainer, unit, start -> load that is still free
    never: frozenset[frozenset[tuple[uuid.UUID, uuid.UUID]]] = frozenset()  # pairs of (slot, trainer): who must not teach together
    row: int | None = None  # most teaching days in a row; None: no limit
    taught: Mapping[uuid.UUID, frozenset[date]] = field(default_factory=dict)  # trainer -> days that he teaches anyhow
    caps: Sequence[Cap] = ()


def windows(days: Iterable[date], length: int) -> list[list[date]]:
    """Each `length` days in a row that are all among some days."""
    known = set(days)
    found = []
    for first in sorted(known):
        several = [first + timedelta(days=n) for n in range(length)]
        if known.issuperset(several):
            found.append(several)
    return found


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
    for cap in task.caps:
        some = [at[one] for one in sorted(cap.choices, key=str) if one in at]
        if len(some) > cap.most:
            solver.addConstr(sum(taken[n] for n in some) <= cap.most)
    if task.row is not None:
        for trainer_id, places in by_trainer.items():
            _keep_days_off(solver, taken, {n: task.options[n].days for n in places}, task.taught.get(trainer_id, frozenset()), task.row)
    solver.setMaximize()  # type: ignore[no-untyped-call]
    solver.run()
    values = solver.getSolution().col_value
    return [one for one, value in zip(task.options, values, strict=False) if value > 0.5]  # after the options come days


def _keep_days_off(solver: Any, taken: Sequence[Any], days: Mapping[int, frozenset[date]], taught: frozenset[date], row: int) -> None:
    """One trainer's options by place: of so many days in a row and one more, one stays free.

    Two slots that go together may break this with a third, or with what he teaches anyhow: so it is asked of windows and not of pairs.
    """
    used: dict[date, Any] = {}
    for window in windows(taught.union(*days.values()), row + 1):
        new = [day for day in window if day not in taught]
        if not new:  # more in a row than may be, without any of them: nothing is added to it
            for n, own in days.items():
                if own.intersection(window):
                    solver.addConstr(taken[n] <= 0)
            continue
        for day in new:
            if day not in used:
                used[day] = solver.addVariable(lb=0.0, ub=1.0)
                for n, own in days.items():
                    if day in own:
                        solver.addConstr(used[day] - taken[n] >= 0)
        solver.addConstr(sum(used[day] for day in new) <= len(new) - 1)
