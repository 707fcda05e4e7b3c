"""Static files: served compressed and for ever under an address that changes when any of them does."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from functools import cached_property
from pathlib import Path

from flask import Flask
from whitenoise import WhiteNoise

FOLDER = Path(__file__).parent / "static"
TEXT = {".css", ".js", ".svg", ".html", ".txt", ".json"}


class Assets:
    """The static files of this release, copied once with their compressed forms to a folder named by their hash."""

    def __init__(self, keep_in: Path) -> None:
        self.keep_in = keep_in

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every file by its name under the static folder."""
        return {p.relative_to(FOLDER).as_posix(): p for p in sorted(FOLDER.rglob("*")) if p.is_file() and "print-fonts" not in p.parts}

    @cached_property
    def hash(self) -> str:
        """Ten characters that change with any file."""
        digest = hashlib.sha256()
        for name, path in self.files.items():
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:10]

    def prepare(self) -> Path:
        """The folder to serve from, made when it is missing. The one of the release before stays: its web process may still serve
        from it when a command or a job of this release begins; older ones are removed."""
        folder = self.keep_in / self.hash
        if not folder.exists():
            making = self.keep_in / f".{self.hash}"
            shutil.rmtree(making, ignore_errors=True)
            for name, path in self.files.items():
                copy = making / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
                if path.suffix in TEXT:
                    copy.with_name(copy.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
            making.rename(folder)
            others = sorted((other for other in self.keep_in.iterdir() if other != folder), key=lambda other: other.stat().st_mtime)
            for older in others[:-1]:
                shutil.rmtree(older, ignore_errors=True)
        return folder


def install(app: Flask, keep_in: Path) -> None:
    """Serve the static files in front of the app, and let templates name them: static('base.css')."""
    assets = Assets(keep_in)
    prefix = f"static/{assets.hash}"

    def static(name: str) -> str:
        if name not in assets.files:
            raise FileNotFoundError(f"no static file {name}")
        return f"/{prefix}/{name}"

    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app, root=str(assets.prepare()), prefix=prefix, immutable_file_test=lambda _path, _url: True,
    )
    app.jinja_env.globals["static"] = static
