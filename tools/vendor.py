#!/usr/bin/env python3
"""Keep the files that came from elsewhere exactly as they were fetched: fonts for pages and papers, test libraries.

    vendor.py check      every committed file is the one in vendor.lock.json, nothing else lies beside it, and the
                         size budgets hold. Standard library only; part of `make lint`.
    vendor.py refresh    fetch the packages of vendor.json (exact versions) with npm, make the files from them, write
                         vendor.lock.json. Needs npm and the development packages. The same input gives the same bytes.

A file of vendor.json is a plain copy ("from" one file), or a font: "keep" cuts it down to those characters, several
files in "from" are merged into one, and the ending of "to" says the format. A package that is needed in two versions has a name of ours, and
"npm" says its real one. The committed files are all that building
and running need: neither node nor a network.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "vendor.json"
LOCK = ROOT / "vendor.lock.json"

Json = dict[str, Any]


class Refused(Exception):
    """vendor.json or a fetched package is not what it must be; the text says which."""


def sha256(data: bytes) -> str:
    """The hex SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def gz_size(data: bytes) -> int:
    """How many bytes go over the wire, about: compressed as hard as gzip can."""
    return len(gzip.compress(data, 9, mtime=0))


def read(path: Path) -> Json:
    """One of the two JSON files."""
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


# --- check ----------------------------------------------------------------------------------------------------------


def check() -> list[str]:
    """What is wrong with the committed files; empty when nothing is."""
    spec, lock = read(SPEC), read(LOCK)
    wrong: list[str] = []
    known: set[str] = set(spec["own"])
    sizes: dict[str, int] = {}
    for name, package in lock.items():
        wanted = spec["packages"].get(name)
        if wanted is None or wanted["version"] != package["version"]:
            wrong.append(f"{name} {package['version']} is in the lock, but vendor.json wants another: make vendor")
        for to, facts in package["files"].items():
            known.add(to)
            path = ROOT / to
            if not path.is_file():
                wrong.append(f"{to}: missing")
                continue
            data = path.read_bytes()
            sizes[to] = len(data)
            if sha256(data) != facts["sha256"]:
                wrong.append(f"{to}: not the file that was fetched (its SHA-256 differs from the lock)")
    wrong += [f"{name} of vendor.json is not in the lock: make vendor" for name in spec["packages"] if name not in lock]
    wrong += stray(spec["folders"], known)
    wrong += over_budget(spec["budgets"], sizes)
    return wrong


def stray(folders: Iterable[str], known: set[str]) -> list[str]:
    """Files in the vendored folders that are in no list (compressed copies made at run time do not count)."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file())
    names = (path.relative_to(ROOT).as_posix() for path in found if path.suffix not in {".gz", ".br"})
    return [f"{name}: in neither vendor.json nor its lock" for name in names if name not in known]


def over_budget(budgets: dict[str, int], sizes: dict[str, int]) -> list[str]:
    """Groups of files (a glob each) that are heavier together than they may be."""
    wrong = []
    for pattern, budget in budgets.items():
        total = sum(size for name, size in sizes.items() if Path(name).match(pattern))
        if not 0 < total <= budget:
            wrong.append(f"{pattern}: {total:,} bytes together, allowed are {budget:,}")
    return wrong


# --- refresh --------------------------------------------------------------------------------------------------------


def refresh() -> None:
    """Fetch, make and write every file of vendor.json, then the lock."""
    spec = read(SPEC)
    old = read(LOCK) if LOCK.exists() else {}
    lock: Json = {}
    for name, wanted in sorted(spec["packages"].items()):
        version = wanted["version"]
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):  # npm picks from a range by the local node's version
            raise Refused(f"{name}: an exact version is wanted, not {version!r}")
        print(f"{name} {version}", flush=True)
        tarball, integrity = fetch(wanted.get("npm", name), version)
        before = old.get(name, {})
        if before.get("version") == version and before.get("tarball_sha256") != sha256(tarball):
            raise Refused(f"{name} {version}: the package is another one than when the lock was written")
        lock[name] = {
            "version": version,
            "licence": wanted["licence"],
            "integrity": integrity,
            "tarball_sha256": sha256(tarball),
            "files": {},
        }
        for file in wanted["files"]:
            data = make_file(unpack(tarball, file["from"]), file)
            path = ROOT / file["to"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            lock[name]["files"][file["to"]] = {
                "from": file["from"],
                "sha256": sha256(data),
                "bytes": len(data),
                "gz": gz_size(data),
            }
    check_letters(spec["letters"])
    LOCK.write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def fetch(name: str, version: str) -> tuple[bytes, str]:
    """The tarball of an npm package and its integrity string."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--json", "--silent", "--ignore-scripts", f"{name}@{version}"]
        said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
        facts = json.loads(said)[0]
        return (Path(folder) / facts["filename"]).read_bytes(), facts["integrity"]


def unpack(tarball: bytes, names: list[str]) -> list[bytes]:
    """Some files of an npm tarball."""
    found = []
    with tarfile.open(fileobj=BytesIO(tarball)) as archive:
        for name in names:
            member = archive.extractfile(f"package/{name}")
            if member is None:
                raise Refused(f"{name} is not a file of the package")
            found.append(member.read())
    return found


def make_file(sources: list[bytes], file: Json) -> bytes:
    """The bytes to commit: a copy, or a font that was cut and merged."""
    if "keep" not in file and len(sources) == 1 and Path(file["to"]).suffix != ".ttf":
        return sources[0]
    return make_font(sources, file)


def code_points(ranges: str) -> set[int]:
    """The characters of a CSS-like list, `U+0400-045F,U+2116`."""
    found: set[int] = set()
    for part in ranges.split(","):
        first, _, last = part.strip().removeprefix("U+").partition("-")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


def make_font(sources: list[bytes], file: Json) -> bytes:
    """One font of several source files, cut down to the characters of "keep", each taken from the first that has it."""
    from fontTools.merge import Merger
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    keep = code_points(file["keep"]) if "keep" in file else None
    taken: set[int] = set()
    parts = []
    for source in sources:
        font = TTFont(BytesIO(source), recalcTimestamp=False)
        mine = set(font.getBestCmap()) - taken
        mine = mine if keep is None else mine & keep
        taken |= mine
        options = Options(layout_features=["*"], notdef_outline=True, name_IDs=["*"], recalc_timestamp=False)
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=mine)
        subsetter.subset(font)
        font.flavor = None
        part = BytesIO()
        font.save(part)
        parts.append(part)
    if len(parts) > 1:
        for part in parts:
            part.seek(0)
        merged = Merger().merge(parts)
        merged.recalcTimestamp = False
        merged["head"].created = merged["head"].modified = 0  # not the time of merging: the same input, the same bytes
    else:
        merged = TTFont(BytesIO(parts[0].getvalue()), recalcTimestamp=False)
    merged.flavor = "woff2" if Path(file["to"]).suffix == ".woff2" else None
    made = BytesIO()
    merged.save(made)
    return made.getvalue()


def check_letters(letters: Json) -> None:
    """Refuse fonts that lack a letter of a language: each group of files must have all that is listed for it."""
    from fontTools.ttLib import TTFont

    for pattern, text in letters.items():
        have: set[int] = set()
        for path in sorted(ROOT.glob(pattern)):
            have |= set(TTFont(path).getBestCmap())
        lacking = sorted({letter for letter in text if letter != " " and ord(letter) not in have})
        if lacking:
            raise Refused(f"{pattern}: no glyph for {' '.join(lacking)}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Check or refresh the vendored files.")
    parser.add_argument("verb", choices=["check", "refresh"])
    try:
        if parser.parse_args().verb == "refresh":
            refresh()
        wrong = check()
    except (Refused, OSError, subprocess.CalledProcessError, json.JSONDecodeError) as error:
        print(f"vendor: {error}", file=sys.stderr)
        return 1
    print(
        "\n".join(wrong) or f"{sum(len(package['files']) for package in read(LOCK).values())} vendored files are right"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
