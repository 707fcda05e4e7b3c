"""`sabaq sync export` and `sabaq sync import`: a stick at a terminal, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import sync_group
from tests.sync.nodes import Installation, centre_and_class
from tests.sync.test_exchange import people, walk_in


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Installation]]:
    """A centre and a class server."""
    with centre_and_class(tmp_path) as found:
        yield found


def said(node: Installation, *words: str) -> Result:
    """What the command of a node answers."""
    config = node.config
    environment = {"SABAQ_NODE": config.NODE, "SABAQ_ROLE": config.ROLE, "SABAQ_INSTANCE": config.INSTANCE, "SABAQ_SECRET_KEY": "k" * 40, "SABAQ_PEPPER": "p" * 40}
    return CliRunner(env=environment).invoke(sync_group, [str(word) for word in words])


@pytest.mark.goal("NET-05", "NET-07")
def test_a_stick_goes_there_and_back_at_two_terminals(nodes: list[Installation], tmp_path: Path) -> None:
    """Exported, shown, imported and answered by the centre, imported by the class; exit code 0 all the way."""
    centre, first = nodes
    usb = tmp_path / "usb"
    usb.mkdir()
    walk_in(first)

    out = said(first, "export", usb)
    taken = said(centre, "import", usb, "--yes")
    back = said(first, "import", usb, "--json")

    assert (out.exit_code, taken.exit_code, back.exit_code) == (0, 0, 0), (out.output, taken.output, back.output)
    assert "It is safe to remove the stick." in out.output
    assert "from class-1" in taken.output
    assert "Answer for class-1" in taken.output
    assert json.loads(back.output)["taken"][0]["down"] == 1
    assert set(people(centre)) == set(people(first))


def test_one_file_serves_as_well(nodes: list[Installation], tmp_path: Path) -> None:
    """A name that ends with .sabaq is one bundle in one file."""
    centre, first = nodes
    walk_in(first)

    out = said(first, "export", tmp_path / "week.sabaq", "--json")
    taken = said(centre, "import", tmp_path / "week.sabaq", "--json")

    assert json.loads(out.output)[0]["to"] == "centre"
    assert json.loads(taken.output)["taken"][0]["state"] == "taken"


def test_what_cannot_be_done_ends_with_a_sentence_and_code_1(nodes: list[Installation], tmp_path: Path) -> None:
    """An empty stick, a letter, an unknown receiver, a folder that is not there."""
    centre, first = nodes
    empty = tmp_path / "usb"
    empty.mkdir()
    (tmp_path / "letter.sabaq").write_text("Dear centre,")

    answers = [
        said(centre, "import", empty, "--yes"), said(centre, "import", tmp_path / "letter.sabaq", "--yes"),
        said(centre, "export", empty, "--to", "class-9"), said(first, "export", tmp_path / "gone"),
    ]  # fmt: skip

    assert [answer.exit_code for answer in answers] == [1, 1, 1, 1]
    assert "Nothing on it can be taken here." in answers[0].output
    assert "not a bundle of Sabaq" in answers[1].output
    assert "class-9" in answers[2].output
    assert "no longer in the server" in answers[3].output
