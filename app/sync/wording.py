"""Words of the exchange: what entries are called where people read how many there are, states, alarms and reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from app.errors import Message, say
from app.i18n import nt
from app.sync.rules import Alarm, Standing

# Of the tables of entries those that people count, in the order in which they care. A change of a record is an entry too.
GROUPS: dict[str, tuple[str, ...]] = {
    "answers": ("answer",),
    "tests": ("attempt", "mark", "mark_correction", "attempt_event", "granted_attempt", "room_test", "paper_test", "sheet_entry"),
    "attendance": ("attendance_mark", "taught"),
    "practicals": ("practical_work", "practical_mark"),
    "certificates": ("certificate", "certificate_event"),
    "people": ("person", "person_name", "posting", "enrolment"),
    "days": ("class_day", "minutes_line", "seating", "incident", "daily_check", "meeting", "meeting_item"),
    "lessons": ("lesson_progress", "page_note"),
    "feedback": ("feedback_sheet",),
    "courses": ("course", "course_version", "media"),
    "runs": ("course_run", "run_trainer", "run_report", "nomination"),
    "logs": ("audit_event",),
}
REST = "rest"
WORDS: dict[str, Callable[[int], str]] = {
    "answers": lambda n: nt("entries", "{n} answer", "{n} answers", n),
    "tests": lambda n: nt("entries", "{n} entry of tests", "{n} entries of tests", n),
    "attendance": lambda n: nt("entries", "{n} attendance mark", "{n} attendance marks", n),
    "practicals": lambda n: nt("entries", "{n} entry of practical work", "{n} entries of practical work", n),
    "certificates": lambda n: nt("entries", "{n} entry of certificates", "{n} entries of certificates", n),
    "people": lambda n: nt("entries", "{n} entry of people", "{n} entries of people", n),
    "days": lambda n: nt("entries", "{n} entry of class days", "{n} entries of class days", n),
    "lessons": lambda n: nt("entries", "{n} entry of lessons", "{n} entries of lessons", n),
    "feedback": lambda n: nt("entries", "{n} feedback form", "{n} feedback forms", n),
    "courses": lambda n: nt("entries", "{n} entry of courses", "{n} entries of courses", n),
    "runs": lambda n: nt("entries", "{n} entry of runs", "{n} entries of runs", n),
    "logs": lambda n: nt("entries", "{n} log entry", "{n} log entries", n),
    REST: lambda n: nt("entries", "{n} other entry", "{n} other entries", n),
}
_GROUP_OF = {table: group for group, tables in GROUPS.items() for table in tables}


def in_words(tables: Mapping[str, int]) -> list[str]:
    """What is in a bundle or owed: "214 answers", "36 attendance marks" … in the order in which people care."""
    counts: Counter[str] = Counter()
    for table, count in tables.items():
        counts[_GROUP_OF.get(table, REST)] += count
    return [word(counts[group]) for group, word in WORDS.items() if counts[group]]


NODES = ("node", "sender", "to", "own")
"""What fills the braces of a sentence with the code of a node."""


def with_titles(message: Message, titles: Mapping[str, str]) -> Message:
    """The same sentence with what people call the nodes, where it names them by their codes."""

    def shown(key: str, value: Any) -> Any:
        if isinstance(value, Message):
            return with_titles(value, titles)
        return titles.get(value, value) if key in NODES and isinstance(value, str) else value

    return replace(message, params={key: shown(key, value) for key, value in message.params.items()})


STANDINGS: dict[Standing, Message] = {
    Standing.INVITED: say("exchange", "invited"),
    Standing.NEVER: say("exchange", "never"),
    Standing.ON_TIME: say("exchange", "on time"),
    Standing.LATE: say("exchange", "late"),
    Standing.SILENT: say("exchange", "silent"),
    Standing.REVOKED: say("exchange", "revoked"),
}
STANDING_SHAPES: dict[Standing, str] = {
    Standing.INVITED: "st-draft", Standing.NEVER: "st-none", Standing.ON_TIME: "st-ok", Standing.LATE: "st-late", Standing.SILENT: "st-silent",
    Standing.REVOKED: "st-fail",
}
ALARMS: dict[Alarm, Message] = {
    Alarm.FORK: say("exchange", "two histories"),
    Alarm.QUARANTINE: say("exchange", "in quarantine"),
    Alarm.GAP: say("exchange", "a part is missing"),
    Alarm.RESTORED: say("exchange", "database was restored"),
    Alarm.CONFLICT: say("exchange", "conflict"),
    Alarm.REFUSED: say("exchange", "refused entries"),
    Alarm.UNKNOWN: say("exchange", "not yet understood"),
    Alarm.CLOCK: say("exchange", "wrong clock"),
    Alarm.DISK: say("exchange", "disk nearly full"),
    Alarm.WAITS: say("exchange", "waits for long"),
}
MEANINGS: dict[Alarm, Message] = {
    Alarm.FORK: say("exchange", "Two different parts of its journal have one number: its disk was copied and both copies worked on, or somebody else has its key. Both histories were kept and nothing was counted twice."),
    Alarm.QUARANTINE: say("exchange", "Something came that was signed with a revoked key. Nothing of it counts until two people release it."),
    Alarm.GAP: say("exchange", "A bundle came, but not the one before it. Everything up to the gap was taken."),
    Alarm.RESTORED: say("exchange", "It began a new life of its database: a backup was put back, it moved to another machine, or a file was lost. Its entries of before came back from here."),
    Alarm.CONFLICT: say("exchange", "Two records claim one thing that is given only once. One stands, the other is kept aside."),
    Alarm.REFUSED: say("exchange", "It sent entries that it had no right to make, or that cannot be. They are kept aside."),
    Alarm.UNKNOWN: say("exchange", "It runs a newer program than this server. What this one does not understand is kept, passed on, and taken in after an update."),
    Alarm.CLOCK: say("exchange", "Its clock is wrong. Order and time limits stay right; the times of day that it writes are not."),
    Alarm.DISK: say("exchange", "Less than a tenth of its disk is free."),
    Alarm.WAITS: say("exchange", "Entries refer to something that has not come for two weeks. They are taken in when it comes."),
}
REASONS: dict[str, Message] = {
    "waits": say("exchange", "waits for what it refers to"),
    "unknown": say("exchange", "not yet understood"),
    "conflict": say("exchange", "conflict with another record"),
    "not-owner": say("exchange", "changed something that is not its own"),
    "may-not-own": say("exchange", "may not add this"),
    "changed": say("exchange", "differs from the same entry that is here"),
    "invalid": say("exchange", "cannot be right"),
}
SETTLES: dict[str, Message] = {
    "waits": say("exchange", "Nothing to do: it is taken in when the rest comes."),
    "unknown": say("exchange", "Nothing to do: it is taken in after this server was updated."),
    "conflict": say("exchange", "Compare both. Take it in as a file of its own and merge, change what stands here and try again, or leave it out."),
    "not-owner": say("exchange", "What stands here was decided by who keeps it. Repeat the change by hand if it is right, then leave this out."),
    "may-not-own": say("exchange", "Only the centre adds this. Do it by hand if it is right, then leave this out."),
    "changed": say("exchange", "The entry that came first stands. Ask the class what happened, then leave this out."),
    "invalid": say("exchange", "Ask the class what happened, then leave this out."),
}
SETTLED: dict[str, Message] = {"applied": say("intake", "taken in"), "set aside": say("intake", "left out"), "erased": say("intake", "erased on order")}
"""How an entry kept aside was settled, by the first words of HeldEntry.settled_how; the rest is the person's own reason."""
WAYS: dict[str, Message] = {"https": say("exchange", "over the line"), "stick": say("exchange", "on a stick"), "": say("exchange", "by hand")}
OUTCOMES: dict[str, Message] = {
    "made": say("exchange", "made"), "sent": say("exchange", "sent"), "taken": say("exchange", "taken"), "partial": say("exchange", "taken up to a gap"),
    "refused": say("exchange", "refused"), "nothing": say("exchange", "nothing new"), "no-line": say("exchange", "no line"), "settled": say("exchange", "looked into"),
}
LIVES: dict[str, Message] = {
    "new": say("exchange", "the first"),
    "no-anchor": say("exchange", "the file that remembers the newest segment was gone"),
    "machine": say("exchange", "it was moved to another machine"),
    "restored": say("exchange", "an older database was put back"),
    "peer": say("exchange", "the other side proved that entries were lost here"),
}
TABLES: dict[str, Message] = {
    "person": say("table", "person"), "person_name": say("table", "name of a person"), "posting": say("table", "posting"),
    "enrolment": say("table", "enrolment"), "attempt": say("table", "test"), "answer": say("table", "answer"), "mark": say("table", "mark of an answer"),
    "attendance_mark": say("table", "attendance mark"), "certificate": say("table", "certificate"), "certificate_event": say("table", "event of a certificate"),
    "class_day": say("table", "class day"), "minutes_line": say("table", "line of the minutes"), "seat": say("table", "seat"),
    "classroom": say("table", "classroom"), "course_run": say("table", "run"), "nomination": say("table", "nomination"),
    "run_trainer": say("table", "trainer of a run"), "meeting": say("table", "meeting"), "practical_work": say("table", "practical work"),
    "practical_mark": say("table", "mark of a practical"), "feedback_sheet": say("table", "feedback form"), "audit_event": say("table", "log entry"),
    "seating": say("table", "place in the seat plan"), "role_grant": say("table", "role"), "equipment": say("table", "equipment"),
}
"""Tables as people call them; one that is not here is shown by its name."""
COLUMNS: dict[str, Message] = {
    "agency_id": say("column", "Agency"), "born_on": say("column", "Birth date"), "country_id": say("column", "Country"),
    "display_name": say("column", "Name"), "gender": say("column", "Gender"), "left_on": say("column", "Left the service"),
    "provisional": say("column", "Not confirmed"), "service_number": say("column", "Service number"), "office_id": say("column", "Office"),
    "person_id": say("column", "Person"), "run_id": say("column", "Run"), "rank": say("column", "Rank"), "post": say("column", "Post"),
    "valid_from": say("column", "From"), "valid_to": say("column", "Last day"), "family": say("column", "Family name"), "given": say("column", "Given name"),
    "patronymic": say("column", "Patronymic"), "script": say("column", "Script"), "reason": say("column", "Reason"), "at": say("column", "When"),
    "by_id": say("column", "By"), "state": say("column", "State"), "note": say("column", "Note"), "classroom_id": say("column", "Classroom"),
    "label": say("column", "Seat"), "day": say("column", "Day"), "language": say("column", "Language"), "mode": say("column", "Mode"),
    "number": say("column", "Number"), "minutes": say("column", "Minutes"), "status": say("column", "State"), "names": say("column", "Names"),
}
"""Columns as people call them; one that is not here is shown by its name."""
