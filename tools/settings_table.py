"""Write docs/settings.md from config.py; `--check` compares, so that the page and the code cannot part."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from config import PREFIX, ROOT, Config

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


def table() -> str:
    """The page: one row a setting."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable. A secret may also come from a file: `SABAQ_SECRET_KEY_FILE=/run/secrets/key`.",
        f"A variable that begins with `{PREFIX}` and is none of these is reported at start.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for known in fields(Config):
        default = str(known.default).replace(str(ROOT), ".") or "–"
        lines.append(f"| `{PREFIX}{known.name}` | {default} | {known.metadata['meaning']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != table())
    PAGE.write_text(table(), encoding="utf-8")
