"""Work that comes round: who is in the rooms of the video server, so that who left is known without anybody pressing a key."""

from __future__ import annotations

import logging
from datetime import datetime

from app.db import Database
from app.online import bbb, queries, services
from app.online.servers import servers_of
from app.work import work
from config import Config

log = logging.getLogger("sabaq.online")


def look(database: Database, config: Config, now: datetime) -> None:
    """Ask the video server who is in the rooms that are open, and note who came and left. One that does not answer is asked next time."""
    server = servers_of(config).bbb
    if server is None:
        return
    with database.sessions() as db:
        rooms = queries.watched(db, now, "bbb")
    for room in rooms:
        try:
            called = bbb.inside(server, bbb.room_id(server, room.meeting_id))
        except bbb.NoRoom:
            called = set()
        except bbb.NoAnswer:
            log.warning("the video server does not answer")
            return
        with work(database) as db:
            services.note_inside(db, room, queries.known(db, room.meeting_id, called), now=now)
