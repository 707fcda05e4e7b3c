"""`make chaos`: the node killed 200 times under 40 clients, and the power cut 10,000 times. About fifteen minutes."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import kills, power_cut

ROUNDS, ACKNOWLEDGEMENTS, CUTS, CUTS_OF_ONE = 200, 100_000, 10_000, 1000


def main() -> int:
    """Do all of it, or replay one cut. Exit code 1 when something was lost."""
    words = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    words.add_argument("--rounds", type=int, default=ROUNDS, help="how often the node is killed")
    words.add_argument("--cuts", type=int, default=CUTS, help="how often the power is cut")
    words.add_argument("--seed", type=int, default=secrets.randbelow(10**9), help="of the clients and the kills")
    words.add_argument("--recording", type=Path, help="a recording that a failed cut has kept")
    words.add_argument("--cut", help="the cut of that recording to replay")
    order = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if order.recording:
            power_cut.cut(power_cut.Recording.load(order.recording), order.cut, Path(folder))
            print("The database survives this cut.")
            return 0
        return int(not (_cuts(order.cuts, order.seed, Path(folder)) and _kills(order.rounds, order.seed, Path(folder) / "nodes")))


def _cuts(count: int, seed: int, folder: Path) -> bool:
    begun = time.monotonic()
    done = 0
    while done < count:
        (folder / str(done)).mkdir()
        size = min(CUTS_OF_ONE, count - done)
        try:
            power_cut.cuts(power_cut.record(folder / str(done), saves=40), size, f"{seed}/{done}", keep_in=Path(tempfile.gettempdir()))
        except power_cut.Found as found:
            print(found, flush=True)
            return False
        done += size
        print(f"power cut {done} of {count} times, nothing lost, nothing half there ({time.monotonic() - begun:.0f} s)", flush=True)
    return True


def _kills(count: int, seed: int, folder: Path) -> bool:
    begun = time.monotonic()
    outcome = kills.Outcome()
    print(f"seed {seed}", flush=True)
    for outcome in kills.rounds(folder, count, seed=seed, each=-(-ACKNOWLEDGEMENTS * 21 // 20 // ROUNDS)):
        if outcome.rounds % 10 == 0 or outcome.wrong or outcome.rounds == count:
            print(
                f"killed {outcome.rounds} of {count} times: {outcome.acknowledged} saves acknowledged, {outcome.stored} stored, "
                f"{outcome.repeated} sent again ({time.monotonic() - begun:.0f} s)", flush=True,
            )  # fmt: skip
    for text in outcome.wrong:
        print("WRONG", text, flush=True)
    return not outcome.wrong


if __name__ == "__main__":
    sys.exit(main())
