"""The log of a process: one JSON object a line on standard error, so that a person and a program can read it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class Lines(logging.Formatter):
    """A record as one line of JSON. What is logged holds no secret: paths, references, names of errors."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"), "level": record.levelname.lower(),
            "from": record.name, "text": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def install() -> None:
    """Log warnings and worse of everything, and what the product itself says."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sabaq").setLevel(logging.INFO)
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # nor is the date inside a bundled font
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue of one is no news
