"""The node killed and the power cut, a few times in each run of the tests; `make chaos` does it for long."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.chaos import kills, power_cut
from tests.conftest import DATABASES, database_address

pytestmark = pytest.mark.node


@pytest.mark.goal("DUR-01")
@pytest.mark.parametrize("kind", DATABASES)
def test_no_acknowledged_answer_is_lost_when_the_node_is_killed(kind, tmp_path: Path, tmp_path_factory):
    """40 clients save, the web process is killed five times: every acknowledged answer is there, none twice, the file is whole."""
    seed = secrets.randbelow(10**9)
    print("seed", seed)
    with database_address(kind, tmp_path_factory) as url:
        *_, outcome = kills.rounds(tmp_path / "nodes", 5, seed=seed, each=150, database_url=url)

    assert outcome.wrong == []
    assert outcome.rounds == 5
    assert outcome.acknowledged >= 300
    assert outcome.repeated > 0


@pytest.mark.goal("DUR-02")
def test_a_power_cut_at_any_point_leaves_whole_transactions_and_all_that_were_acknowledged(tmp_path: Path):
    """1,000 cuts of what saving, handing in, changing a mark and issuing certificates write; what was not synced is dropped or torn."""
    seed = str(secrets.randbelow(10**9))
    recording = power_cut.record(tmp_path)
    assert {one.what for one in recording.log} >= {"write", "sync", "truncate", "delete"}
    assert len(recording.acknowledged) >= 40

    power_cut.cuts(recording, 1000, seed, keep_in=tmp_path)


def test_the_power_cut_finds_a_database_that_does_not_sync(tmp_path: Path):
    """The same cuts with `synchronous=OFF`: the replay sees the loss, so it would see ours."""
    recording = power_cut.record(tmp_path, saves=6, synchronous="OFF")

    with pytest.raises(power_cut.Found, match="--cut look/"):
        power_cut.cuts(recording, 200, "look", keep_in=tmp_path)
