"""What a class server knows of its centre before it has a list of nodes: a file of the joining, in the node's folder.

It lies outside the database on purpose: a database that was restored or is still empty must know whose bundles to believe.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from app.sync.keys import PublicKeys

FILE = "joining.json"

State = Literal["asked", "answered", "confirmed"]  # code given | the centre's keys are known | a person compared its fingerprint


@dataclass(frozen=True)
class Joining:
    """How far this class server has come."""

    state: State
    secret: str  # hash of the code: whoever goes on with the joining has to know it
    asked_at: str
    address: str = ""  # of the centre; "": there is no line
    centre: str = ""  # its node code
    title: str = ""
    office: str = ""
    sign: str = ""  # its public keys, base64
    box: str = ""
    accepted: bool | None = None  # by a person at the centre; None: not yet
    confirmed_at: str = ""
    request: str = ""  # the letter that was sent, so that asking again is the same request
    revoked_at: str = ""  # when the centre said, and signed, that it trusts this server no more

    @property
    def keys(self) -> PublicKeys | None:
        """The centre's public keys; None before its answer."""
        return PublicKeys(base64.b64decode(self.sign), base64.b64decode(self.box)) if self.sign else None

    @property
    def trusted(self) -> bool:
        """Whether bundles of this centre may be taken: a person here has compared its fingerprint."""
        return self.state == "confirmed"


def read(folder: Path) -> Joining | None:
    """What the joining left; None for a node that never asked, or whose file is spoiled: it asks again."""
    try:
        return Joining(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def keep(folder: Path, joining: Joining) -> Joining:
    """Write it, whole or not at all, readable by the node's user alone."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{FILE}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(joining), file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE)
    return joining


def changed(folder: Path, joining: Joining, **values: object) -> Joining:
    """Keep it with these values."""
    return keep(folder, replace(joining, **values))  # type: ignore[arg-type]


def revoked(folder: Path, *, at: datetime) -> None:
    """The centre has said that this server is revoked: all its pages say so from now on."""
    joining = read(folder)
    if joining is not None and not joining.revoked_at:
        changed(folder, joining, revoked_at=at.isoformat())


def forget(folder: Path) -> None:
    """Begin anew: another code, another centre."""
    (folder / FILE).unlink(missing_ok=True)


def centre_key(folder: Path, code: str) -> bytes | None:
    """The key that the centre of this class server signs with; None for any other node, and before a person has confirmed it."""
    joining = read(folder)
    if joining is None or not joining.trusted or joining.centre != code or joining.keys is None:
        return None
    return joining.keys.sign
