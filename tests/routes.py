"""All routes of the product, for the tests that are generated from them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from app import create_app
from app.db import Database, make_engine
from config import Config


@dataclass(frozen=True)
class Route:
    """One method of one address."""

    method: str
    rule: str
    endpoint: str
    action: str | None
    arguments: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def changes(self) -> bool:
        """Whether it is made for changing something."""
        return self.method not in ("GET", "HEAD", "OPTIONS")


def all_routes() -> list[Route]:
    """Every route of a centre, from the route map itself: nothing can be left out by forgetting."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(NODE="routes", INSTANCE=str(Path(folder)), SECRET_KEY="k" * 40, PEPPER="p" * 40)
        app = create_app(config, Database(make_engine("sqlite://"), "routes"))
        return sorted(
            (
                Route(method, rule.rule, rule.endpoint, getattr(app.view_functions[rule.endpoint], "action", None), frozenset(rule.arguments))
                for rule in app.url_map.iter_rules()
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            ),
            key=str,
        )


ROUTES = all_routes()
