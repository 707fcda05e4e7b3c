"""Settings: all by environment, all documented, and none that would start a node unsafely."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import config

ROOT = Path(__file__).parent.parent


@pytest.mark.goal("XCT-05")
def test_the_page_of_settings_is_the_code() -> None:
    """All settings come from the environment with one prefix, and one table in the docs lists each of them."""
    assert subprocess.run([sys.executable, ROOT / "tools" / "settings_table.py", "--check"], check=False).returncode == 0


@pytest.mark.goal("XCT-05")
def test_unknown_variables_with_our_prefix_are_reported() -> None:
    """A typing error in a variable's name does not pass in silence."""
    environ = {"SABAQ_PORT": "8100", "SABAQ_SECRET_KEY_FILE": "/x", "SABAQ_PROT": "8100", "PATH": "/bin"}

    assert config.unknown_variables(environ) == ["SABAQ_PROT"]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """SABAQ_SECRET_KEY_FILE names a file that holds the key."""
    (tmp_path / "key").write_text("f" * 40 + "\n")

    found = config.read({"SABAQ_INSTANCE": str(tmp_path), "SABAQ_SECRET_KEY_FILE": str(tmp_path / "key")})

    assert found.SECRET_KEY == "f" * 40


@pytest.mark.goal("XCT-05")
@pytest.mark.parametrize("key", ["development", "short"])
def test_production_refuses_to_start_with_a_key_that_others_know(tmp_path: Path, key: str) -> None:
    """In production a default or short key is refused with the name of the variable."""
    with pytest.raises(config.BadSetting, match="SABAQ_SECRET_KEY"):
        config.read({"SABAQ_INSTANCE": str(tmp_path), "SABAQ_ENV": "production", "SABAQ_SECRET_KEY": key})


def test_a_node_makes_its_own_keys_once(tmp_path: Path) -> None:
    """Without a key in the environment the node makes one that only its user reads, and keeps it."""
    environ = {"SABAQ_INSTANCE": str(tmp_path)}

    first, second = config.read(environ), config.read(environ)

    assert first.SECRET_KEY == second.SECRET_KEY
    assert first.SECRET_KEY != first.PEPPER
    assert (tmp_path / "centre" / "secret_key.txt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("name", "value"), [("SABAQ_PORT", "many"), ("SABAQ_ROLE", "moon"), ("SABAQ_ENV", "test")])
def test_a_bad_value_names_its_variable(tmp_path: Path, name: str, value: str) -> None:
    """Bad input gets a sentence with what and where."""
    with pytest.raises(config.BadSetting, match=name):
        config.read({"SABAQ_INSTANCE": str(tmp_path), name: value})
