"""Which video servers this node has."""

from __future__ import annotations

from dataclasses import dataclass

from app.online import bbb, jitsi
from config import Config


@dataclass(frozen=True)
class Servers:
    """The video servers that the settings name."""

    bbb: bbb.Server | None = None
    jitsi: jitsi.Server | None = None

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of link for which there is a server."""
        return frozenset(kind for kind in ("bbb", "jitsi") if getattr(self, kind))


def servers_of(config: Config) -> Servers:
    """The video servers of a node."""
    return Servers(
        bbb.Server(config.BBB_URL, config.BBB_SECRET) if config.BBB_URL else None,
        jitsi.Server(config.JITSI_URL, config.JITSI_APP, config.JITSI_SECRET) if config.JITSI_URL else None,
    )
