"""`python -m tests.simulation`: histories by the thousand, or one of them again, byte for byte."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.history import simulation
from tests.simulation.many import told as told_of

HISTORIES = 100_000
REPORTED = 100  # histories for each line of progress


def main() -> int:
    """Exit code 1 when an invariant did not hold."""
    words = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    words.add_argument("--seed", type=int, help="tell this one history, step by step")
    words.add_argument("--first", type=int, default=1, help="seed to begin with")
    words.add_argument("--histories", type=int, default=HISTORIES, help="how many")
    words.add_argument("--jobs", type=int, default=2, help="how many processes")
    words.add_argument("--keep-going", action="store_true", help="go on after a violation, and count them")
    order = words.parse_args()
    if order.seed is not None:
        with simulation() as simulated:
            told = simulated.history(order.seed)
        print(told)
        if told.violation is not None and told.violation.__cause__ is not None:
            import traceback

            traceback.print_exception(told.violation.__cause__)
        print(f"trace {told.trace}")
        return int(told.violation is not None)
    return _many(order.first, order.histories, order.jobs, keep_going=order.keep_going)


def _many(first: int, histories: int, jobs: int, *, keep_going: bool) -> int:
    begun, kinds = time.monotonic(), Counter[str]()
    violations: Counter[str] = Counter()
    examples: dict[str, list[int]] = {}
    for done, told in enumerate(told_of(first, histories, jobs), 1):
        kinds.update(told.happened)
        if told.violation is not None:
            violations[told.violation.number] += 1
            examples.setdefault(told.violation.number, []).append(told.seed)
            if keep_going:
                print(f"seed {told.seed}: {told.violation}", flush=True)
            else:
                print(told)
                print(f"Again: python -m tests.simulation --seed {told.seed}")
                return 1
        if done % REPORTED == 0 or done == histories:
            spent = time.monotonic() - begun
            print(f"{done} of {histories} histories, {sum(violations.values())} violations, {done / spent:.1f} a second", flush=True)
    print("with " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    for number, count in violations.most_common():
        print(f"{number}: {count}, e.g. seeds {examples[number][:8]}")
    return int(bool(violations))


if __name__ == "__main__":
    sys.exit(main())
