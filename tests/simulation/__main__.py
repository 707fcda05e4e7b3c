"""`python -m tests.simulation`: histories by the thousand, or one of them again, byte for byte."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.simulation.history import Told, simulation

HISTORIES = 100_000
AT_ONCE = 50  # histories that a process is given


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
    begun, done, kinds = time.monotonic(), 0, Counter[str]()
    violations: Counter[str] = Counter()
    examples: dict[str, list[int]] = {}
    for told in _told(first, histories, jobs):
        done += 1
        kinds.update(told.happened)
        if told.violation is not None:
            violations[told.violation.number] += 1
            examples.setdefault(told.violation.number, []).append(told.seed)
            if not keep_going:
                print(told)
                print(f"Again: python -m tests.simulation --seed {told.seed}")
                return 1
        if done % 200 == 0 or done == histories:
            spent = time.monotonic() - begun
            print(f"{done} of {histories} histories, {sum(violations.values())} violations, {done / spent:.1f} a second", flush=True)
    print("with " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    for number, count in violations.most_common():
        print(f"{number}: {count}, e.g. seeds {examples[number][:8]}")
    return int(bool(violations))


def _told(first: int, histories: int, jobs: int) -> Iterator[Told]:
    chunks = [(at, min(AT_ONCE, first + histories - at)) for at in range(first, first + histories, AT_ONCE)]
    if jobs == 1:
        with simulation() as simulated:
            for at in range(first, first + histories):
                yield simulated.history(at)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for some in pool.imap(_chunk, chunks):
            yield from some


def _chunk(chunk: tuple[int, int]) -> list[Told]:
    first, count = chunk
    with simulation() as simulated:
        return [simulated.history(seed) for seed in range(first, first + count)]


if __name__ == "__main__":
    sys.exit(main())
