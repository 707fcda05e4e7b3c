#!/usr/bin/env python3
"""Make this copy of Sabaq ready to run: Debian packages, a virtual environment, the locked Python packages.

    python3 tools/bootstrap.py            what `make run` needs
    python3 tools/bootstrap.py --tests    and what `make test` needs

What is there already is left alone, so a second call takes a moment. As root it installs missing Debian packages;
as anyone else it prints the one command that does and stops. Standard library only; pip reads the user's own
configuration (mirrors, certificates).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

FLOOR = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "sabaq-installed.json"
RUN_LOCK = ROOT / "requirements.txt"
DEV_LOCK = ROOT / "requirements-dev.txt"

# Pango draws the PDFs (certificates, reports); the HarfBuzz part keeps only the letters used of each font in them.
RUN_PACKAGES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")
# The browser driver is a program of its own and wants libatomic, which no other package brings.
TEST_PACKAGES = ("chromium", "libatomic1", "poppler-utils", "postgresql")

# Tests start a PostgreSQL of their own in a temporary folder. Without this drop-in, Debian's package would also make
# a cluster that runs for ever. It lies there only while apt works.
PG_DROP_IN = Path("/etc/postgresql-common/createcluster.d/sabaq-bootstrap.conf")

SABAQ_COMMAND = """\
#!{python}
import runpy
import sys

sys.path.insert(0, {root!r})
runpy.run_module("app.cli", run_name="__main__", alter_sys=True)
"""


class Stop(Exception):
    """Something a person must do first; the text says what."""


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done, and when it is done how long it took."""
    print(f"  {text} ...", end=" ", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - start:.1f} s", flush=True)


def run(command: list[str], advice: str, env: dict[str, str] | None = None) -> None:
    """Run a command quietly; on failure show the end of what it said, and the advice."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise Stop(f"This command failed (exit code {done.returncode}):\n  {' '.join(command)}\n\n{said}\n\n{advice}")


def check_python() -> None:
    """Refuse a Python below the floor, naming a newer one when there is one."""
    if sys.version_info >= FLOOR:
        return
    newer = next((name for name in ("python3.13", "python3.12", "python3.11") if shutil.which(name)), None)
    have = ".".join(map(str, sys.version_info[:3]))
    do = f"Use the newer one that is here: make run PYTHON={newer}" if newer else "Install Python 3.11 or newer."
    raise Stop(f"Sabaq needs Python {FLOOR[0]}.{FLOOR[1]} or newer; this one is {have} ({sys.executable}).\n{do}")


def missing_packages(tests: bool) -> list[str]:
    """The Debian packages that are needed and not installed."""
    wanted = RUN_PACKAGES + (TEST_PACKAGES if tests else ())
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    said = subprocess.run(query, capture_output=True, text=True, check=False).stdout  # exits 1 when one is unknown
    installed = {line.removesuffix(" installed") for line in said.splitlines() if line.endswith(" installed")}
    missing = [name for name in wanted if name not in installed]
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        missing.insert(0, "python3-venv")
    return missing


def install_packages(tests: bool) -> None:
    """Install the missing Debian packages as root, or stop with the one command that would."""
    if shutil.which("dpkg-query") is None:
        more = ", Chromium, PostgreSQL and poppler" if tests else ""
        print(f"  Not a Debian system: Pango 1.44 or newer{more} must be installed by you.")
        return
    missing = missing_packages(tests)
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        what = "the tests need" if tests else "Sabaq needs"
        raise Stop(
            f"Only root can install the Debian packages that {what} and that are missing here. Run this one line, "
            "then make again:\n\n"
            f"  sudo sh -c 'apt-get update && {' '.join(install)}'"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    advice = "Check the network and the package sources of this machine (/etc/apt), then run make again."
    with step("Refreshing the list of Debian packages"):
        run(["apt-get", "update"], advice, env)
    with step("Installing " + ", ".join(missing)), no_standing_postgresql("postgresql" in missing):
        run(install, advice, env)


@contextlib.contextmanager
def no_standing_postgresql(wanted: bool) -> Iterator[None]:
    """While this holds, installing Debian's PostgreSQL makes no cluster that would run for ever."""
    if not wanted or PG_DROP_IN.exists():
        yield
        return
    PG_DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    PG_DROP_IN.write_text("create_main_cluster = false\n", encoding="utf-8")
    try:
        yield
    finally:
        PG_DROP_IN.unlink(missing_ok=True)


def make_venv() -> None:
    """Make the virtual environment, anew when it is of another Python version or does not start."""
    version = "{}.{}.{}".format(*sys.version_info[:3])
    probe = [str(VENV_PYTHON), "-c", "import platform, pip; print(platform.python_version())"]
    try:
        found = subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        found = ""
    if found == version:
        return
    why = f" (the old one is of Python {found})" if found else ""
    with step(f"Making the virtual environment with Python {version}{why}"):
        run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            f"Remove the folder {VENV} and run make again; on Debian the package python3-venv must be installed.",
        )


def digest(lock: Path) -> str:
    """The SHA-256 of a lock file."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def pins(lock: Path) -> set[str]:
    """The `name==version` of a lock file, without hashes and markers."""
    return set(re.findall(r"^[A-Za-z0-9][\w.-]*==[^\s;]+", lock.read_text(encoding="utf-8"), re.MULTILINE))


def read_stamp() -> dict[str, str]:
    """What the last call installed: name of the lock file to its digest."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def install_lock(tests: bool) -> None:
    """Install the locked Python packages, only when the lock changed since the last time."""
    stamp = read_stamp()
    dev_is_there = stamp.get(DEV_LOCK.name) == digest(DEV_LOCK)
    if dev_is_there and (tests or pins(RUN_LOCK) <= pins(DEV_LOCK)):
        return
    if not tests and stamp.get(RUN_LOCK.name) == digest(RUN_LOCK):
        return
    lock = DEV_LOCK if tests else RUN_LOCK
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    with step(f"Installing {len(pins(lock))} Python packages from {lock.name} (about a minute)"):
        run(
            [*pip, "--require-hashes", "--no-deps", "--requirement", str(lock)],
            "Check the network, and pip's own settings when this machine uses a mirror (pip config list); then run make "
            "again.",
        )
    stamp[lock.name] = digest(lock)
    STAMP.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")


def write_command() -> None:
    """Put the `sabaq` command into the virtual environment."""
    command = VENV / "bin" / "sabaq"
    text = SABAQ_COMMAND.format(python=VENV_PYTHON, root=str(ROOT))
    if not command.exists() or command.read_text(encoding="utf-8") != text:
        command.write_text(text, encoding="utf-8")
        command.chmod(0o755)


def main() -> int:
    """Do the steps in order; 0 when everything is ready, 1 with a clear sentence when it is not."""
    parser = argparse.ArgumentParser(description="Make this copy of Sabaq ready to run.")
    parser.add_argument("--tests", action="store_true", help="also install what the tests need")
    tests: bool = parser.parse_args().tests
    start = time.monotonic()
    try:
        check_python()
        with open(__file__, "rb") as own_file:  # two calls at once would spoil one environment
            fcntl.flock(own_file, fcntl.LOCK_EX)
            install_packages(tests)
            make_venv()
            install_lock(tests)
            write_command()
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run make again to go on.", file=sys.stderr)
        return 130
    except OSError as error:
        advice = f"Check the rights and the free disk space of {ROOT}, then run make again."
        print(f"\nThe set-up stopped: {error}. {advice}", file=sys.stderr)
        return 1
    print(f"  Ready ({time.monotonic() - start:.1f} s).", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
