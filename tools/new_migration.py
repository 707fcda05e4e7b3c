"""Write the next migration from the difference between the models and a migrated, empty database."""

from __future__ import annotations

import sys
import tempfile

from alembic import command

from app.db import make_engine
from app.ops import migrations
from app.sync import catalogue  # noqa: F401

if __name__ == "__main__":
    name, message = sys.argv[1], " ".join(sys.argv[2:])
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/empty.db")
        migrations.upgrade(engine)
        with engine.connect() as connection:
            command.revision(migrations.settings(connection), message=message, rev_id=name, autogenerate=True)
        engine.dispose()
