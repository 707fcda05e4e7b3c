"""What must hold whatever happens: the invariants of the network (I1 to I20 of the goals), one function each.

I1 and I3 are looked at where a disk is read (`world.World.restart`, `world.World.look_at`), I12 to I16 here as far as the deeds reach.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from app.certificates import queries as certificates
from app.certificates.rules import State
from app.people import merging
from app.sync import applying, chain, erasing, rebuild, segments
from app.sync.canonical import canonical
from app.sync.models import PersonMerge
from app.sync.segments import Header, Segment
from app.work import work
from tests.simulation import carrying
from tests.simulation.tables import EMPTY, FACTS, RECORDS
from tests.simulation.world import ATTEMPTS, CENTRE, Machine, Violation, World, named

AlwaysCheck = Callable[[World, Machine], None]
RestCheck = Callable[[World], None]
ALWAYS: list[AlwaysCheck] = []
AT_REST: list[RestCheck] = []


def always(check: AlwaysCheck) -> AlwaysCheck:
    """Looked at after each thing that happens, on the machine where it happened."""
    ALWAYS.append(check)
    return check


def at_rest(check: RestCheck) -> RestCheck:
    """Looked at when faults have stopped and all that was on its way has arrived."""
    AT_REST.append(check)
    return check


# ---- while it goes on ------------------------------------------------------------------------------------------------


@always
def i4_a_gap_free_prefix(_world: World, machine: Machine) -> None:
    """I4: per (node, epoch) a receiver holds a gap-free prefix, and what its first segment follows."""
    held: dict[tuple[str, str], set[int]] = {}
    known = set()
    for node, epoch, number, digest in machine.look("SELECT node, epoch, number, hash FROM segment WHERE stream = 'up'"):
        held.setdefault((node, epoch), set()).add(number)
        known.add(digest)
    for (node, epoch), numbers in held.items():
        if numbers != set(range(1, max(numbers) + 1)):
            missing = min(set(range(1, max(numbers))) - numbers)
            raise Violation("I4", f"{machine.name} holds segment {max(numbers)} of {node}, epoch {epoch}, but not {missing}")
    for node, number, before in machine.look("SELECT node, number, prev FROM segment WHERE stream = 'up' AND prev <> ''"):
        if before not in known:
            raise Violation("I4", f"{machine.name} holds segment {number} of {node} but not the one before it")


@always
def i5_forks_are_kept_and_told(world: World, machine: Machine) -> None:
    """I5: two hashes for one (node, epoch, number): an alarm, and both are kept."""
    if machine.role != "centre":
        return
    forks = machine.look("SELECT node, epoch, number FROM segment WHERE stream = 'up' GROUP BY 1, 2, 3 HAVING count(DISTINCT hash) > 1")
    if forks and not machine.look("SELECT 1 FROM exchange WHERE direction = 'in' AND counts LIKE '%\"fork\": true%' LIMIT 1"):
        # The power may have failed between the segment and the note of the exchange: then the note of the next one tells.
        if machine.cut_since_note:
            return
        node, epoch, number = forks[0]
        raise Violation("I5", f"{machine.name} holds two segments {number} of {node}, epoch {epoch}, and told nobody")
    world.forks |= {(node, epoch, number) for node, epoch, number in forks}


@always
def i8_cursor_and_data_move_together(world: World, machine: Machine) -> None:
    """I8: what a stored segment says is in the tables or kept aside, and nothing of others is there without its segment."""
    for segment_id, state, digest in machine.new_segments():
        keys = world.entries_of(machine, segment_id, digest)
        machine.chained |= {key for key in keys if key is not None}
        if state == "quarantine":
            continue
        aside = {place for (place,) in machine.look("SELECT place FROM held_entry WHERE segment_id = ?", segment_id)}
        for place, key in enumerate(keys):
            if key is None or place in aside or machine.has(key) or machine.erased(key):
                continue
            if world.says(machine, segment_id)[place] is not None:  # else it came with that content erased, ahead of the order
                raise Violation("I8", f"{machine.name} holds the segment with {named([key])} but not the row")
    if machine.role == "centre":  # to a class server rows of others come down by scope, not by their writer's segment
        for key in sorted(machine.foreign):
            if key not in machine.chained:
                raise Violation("I8", f"{machine.name} holds {named([key])} of {world.ledger[key].node} without its segment")
    machine.foreign.clear()


@always
def i9_no_epoch_twice(world: World, machine: Machine) -> None:
    """I9: a node never writes under an epoch where another incarnation wrote what it does not hold, once it can know of that."""
    for epoch, number, digest in machine.look("SELECT epoch, number, hash FROM segment WHERE state = 'own' AND stream = 'up'"):
        if digest in world.sealed or not machine.anchored(epoch, number):
            continue  # it was on the disk, or came back, when this incarnation began; or it has never left this machine
        world.sealed.add(digest)
        before = world.places.setdefault((machine.code, epoch, number), machine.incarnation)
        if before != machine.incarnation and not machine.blind:
            raise Violation("I9", f"{machine.name} sealed {number} under the epoch {epoch}, as {before} did")


@always
def i10_versions_never_go_back(_world: World, machine: Machine) -> None:
    """I10: the version of what the centre sent down never goes back on a disk."""
    if machine.role == "centre":
        return
    held = machine.look("SELECT ordinal, number FROM segment WHERE stream LIKE 'down:%' ORDER BY ordinal DESC, number DESC LIMIT 1")
    newest = held[0] if held else (0, 0)
    if newest < machine.version:
        raise Violation("I10", f"{machine.name} went back from version {machine.version} to {newest}")
    machine.version = newest


@always
def i11_nothing_past_the_cut_counts(world: World, machine: Machine) -> None:
    """I11: nothing from a revoked key past its cut counts."""
    if not world.forged or machine.thief:
        return
    counted = machine.rows_of(world.forged)
    if counted:
        raise Violation("I11", f"{machine.name} counts {named(counted)}, written with a key that was revoked")


# ---- at rest ---------------------------------------------------------------------------------------------------------


@at_rest
def i2_everything_is_at_the_centre(world: World) -> None:
    """I2: every fact that still exists on any medium is at the centre exactly once."""
    centre = world.centre
    wanted: dict[tuple[str, str], str] = {}
    for machine in world.classes():
        for key in machine.own():
            wanted.setdefault(key, f"the disk of {machine.name}")
    for bundle in carrying.whole(world, CENTRE):
        if bundle.delivered:
            for key in world.entries_on(bundle):
                wanted.setdefault(key, str(bundle))
    here = centre.holds(wanted) | centre.in_quarantine(world)
    missing = {key for key in wanted if key not in here and not centre.erased(key)}
    if missing:
        where = wanted[min(missing)]
        raise Violation("I2", f"the centre lacks {named(missing)}, which stands on {where}")
    doubled = {key for key in centre.aside() if key[0] in FACTS} & centre.rows_of(wanted)
    if doubled:
        raise Violation("I2", f"the centre counts {named(doubled)} and keeps the same aside")


@at_rest
def i1_acknowledged_is_kept(world: World) -> None:
    """I1: an acknowledged fact is in the node's log after any crash."""
    for machine in world.machines.values():
        lost = machine.acknowledged - machine.holds(machine.acknowledged)
        lost = {key for key in lost if not machine.erased(key)}
        if lost and not machine.lost:
            raise Violation("I1", f"{machine.name} had acknowledged {named(lost)} and does not hold it")


@at_rest
def i6_read_models_are_the_fold_of_the_log(world: World) -> None:
    """I6: all rows made anew from the stored segments alone are byte for byte those of the centre (looked at in each fourth history)."""
    if world.seed % 4 != 1:
        return
    _same_rows(world, "I6", "rows made anew from the segments")


@at_rest
def i6_only_the_owner_counts(world: World) -> None:
    """I6: a record that several nodes wrote is what its owners made of it: counted here once more, by hand."""
    centre = world.centre
    several = (
        'SELECT "table", row_id FROM journal_entry GROUP BY 1, 2 HAVING count(DISTINCT node) > 1 AND sum(json_type(before) = \'null\' OR before IS NULL) = 1'
    )
    aside = centre.aside()
    for table, key in centre.look(several):
        owner, version, there = "", 0, False
        for node, number, before, after in centre.look(
            'SELECT node, version, before, after FROM journal_entry WHERE "table" = ? AND row_id = ? ORDER BY version, node <> ?, id', table, key, CENTRE
        ):
            told = json.loads(after or "null")
            if before in (None, "null"):
                owner, version, there = node, number, True
            elif there and (node == owner or (node == CENTRE and "owner_node" in (told or {}))):
                owner, version = (told or {}).get("owner_node", owner), number
        found = centre.look(f'SELECT owner_node, version FROM "{table}" WHERE id = ?', key)
        if found and found[0] != (owner, version) and (table, key) not in aside:
            raise Violation("I6", f"{table} {key} is {found[0]}, but its owners made it {(owner, version)}")


@at_rest
def i7_any_order_gives_the_same(world: World) -> None:
    """I7: the same segments in another order, some of them twice, give the same rows (looked at in each second history)."""
    if world.seed % 2:
        return
    _same_rows(world, "I7", "the segments in another order", random.Random(f"order {world.seed}"))


def _same_rows(world: World, number: str, what: str, shuffle: random.Random | None = None) -> None:
    centre, other = world.centre, world.blank()
    with centre.working():
        if shuffle is None:
            rebuild.rebuild(centre.database, other.database, now=centre.clock.now())
        else:
            _take_all(centre, other, shuffle)
        found = rebuild.differences(centre.database, other.database)
    if found:
        text = "; ".join(f"{one.table}: {one.missing} missing, {one.extra} too many, {one.other} other" for one in found)
        raise Violation(number, f"{what} differ from the centre's: {text}")


def _take_all(centre: Machine, other: Machine, shuffle: random.Random) -> None:
    """Hand the centre's segments to an empty database: chains in any order among each other, some segments twice."""
    with centre.database.sessions() as db:
        trust = applying.trust_of(db)
        waiting = {}
        for node in sorted(set(trust.keys)):
            waiting[node] = list(chain.links(db, node))
        left_out = set(db.scalars(sa.text("SELECT hash FROM segment WHERE state = 'quarantine'")))
    trust = applying.Trust(trust.centre, trust.keys)
    with other.database.sessions() as db:
        begun = {digest for (digest,) in db.execute(sa.text("SELECT hash FROM segment"))}  # of the first day
    taken = {"", *begun}
    waiting = {node: [link for link in links if link.hash not in begun] for node, links in waiting.items()}
    while any(waiting.values()):
        node = shuffle.choice(sorted(node for node, links in waiting.items() if links))
        ready = [link for link in waiting[node] if link.prev in taken]
        link = shuffle.choice(ready)
        taken.add(link.hash)
        if shuffle.random() < 0.8:
            waiting[node].remove(link)
        if link.hash in left_out:
            continue
        with centre.database.sessions() as db:
            segment = next(chain.load(db, [link.id]))
        with work(other.database) as db:
            applying.take(db, segment, trust=trust, now=centre.clock.now())
    with work(other.database) as db:
        for one in db.scalars(sa.select(PersonMerge).where(PersonMerge.undone_at.is_(None)).order_by(PersonMerge.version, PersonMerge.id)).all():
            merging.turn(db, one)


@at_rest
def i12_revoked_for_ever(world: World) -> None:
    """I12: a revoked certificate never becomes valid again, at any node that has heard of it."""
    for machine in [world.centre, *world.classes()]:
        revoked = [uuid.UUID(key) for (key,) in machine.look("SELECT DISTINCT certificate_id FROM certificate_event WHERE state = 'revoked'")]
        if not revoked:
            continue
        with machine.database.sessions() as db:
            states = certificates.states_of(db, revoked)
        valid = [key for key, state in states.items() if state in (State.ISSUED, State.SUSPENDED)]
        if valid:
            raise Violation("I12", f"certificate {valid[0]} was revoked and is {states[valid[0]]} at {machine.name}")


@at_rest
def i13_one_valid_certificate(world: World) -> None:
    """I13: at most one valid certificate per person and course, unless a node lived twice: then a fork was told."""
    if world.happened & {"restore", "clone", "merge"}:
        return
    centre = world.centre
    twice = centre.look(
        "SELECT e.person_id, count(*) FROM certificate c JOIN enrolment e ON e.id = c.enrolment_id JOIN course_run r ON r.id = e.run_id"
        " WHERE c.id NOT IN (SELECT certificate_id FROM certificate_event WHERE state IN ('revoked', 'voided', 'replaced'))"
        " GROUP BY e.person_id, r.course_version_id HAVING count(*) > 1"
    )
    if twice:
        raise Violation("I13", f"{twice[0][0]} holds {twice[0][1]} valid certificates of one course")


@at_rest
def i14_no_answer_after_the_end(world: World) -> None:
    """I14: no answer is accepted after hand-in; I16: what was shown as saved is there at that revision (I1 of its row)."""
    for machine in [world.centre, *world.classes()]:
        if world.happened & {"restore", "clone"}:
            return  # another life of the node may not have known of the hand-in
        late = machine.look(
            "SELECT a.id, t.id FROM answer a JOIN attempt t ON t.id = a.attempt_id WHERE t.state <> 'open' ORDER BY a.id"
        )
        for answer, attempt in late:
            ended = world.ended.get(attempt)
            if ended is not None and world.ledger["answer", answer].step > ended:
                raise Violation("I14", f"answer {answer} came after the end of attempt {attempt}")


@at_rest
def i15_no_more_attempts_than_allowed(world: World) -> None:
    """I15: attempts are at most those allowed."""
    for machine in [world.centre, *world.classes()]:
        too_many = machine.look("SELECT enrolment_id, count(*) FROM attempt GROUP BY enrolment_id, quiz HAVING count(*) > ?", ATTEMPTS)
        if too_many:
            raise Violation("I15", f"{too_many[0][0]} has {too_many[0][1]} attempts at {machine.name}")


@at_rest
def i17_erased_is_gone(world: World) -> None:
    """I17: an erased person has no plain text on any live medium after the next contact: rows, segments, free pages, files."""
    for machine in [world.centre, *world.classes()] if world.erased else []:
        machine.stop()
        with machine.working():
            erasing.wipe(machine.database, machine.folder)
        machine.stop()
        kept = b"".join(path.read_bytes() for path in sorted(machine.folder.rglob("*")) if path.is_file())
        for (key,) in machine.look("SELECT id FROM segment WHERE state <> 'quarantine'"):
            header, signature, body = machine.look("SELECT header, signature, body FROM segment WHERE id = ?", key)[0]
            kept += canonical(segments.open_body(Segment(Header.read(json.loads(header)), signature, body)).entries)
        for person, names in world.erased.items():
            for name in sorted(names):
                if name.encode() in kept:
                    raise Violation("I17", f"{machine.name} still holds the name of {person[-4:]}, {name}")


@at_rest
def i19_bounded(world: World) -> None:
    """I19: staging is bounded: nothing that was taken or sent stays behind."""
    for machine in [world.centre, *world.classes()]:
        staged = sorted(path.name for path in (machine.folder / "exchange").glob("**/*") if path.is_file())
        if len(staged) > STAGED_AT_MOST + machine.cuts:
            raise Violation("I19", f"{machine.name} keeps {len(staged)} files in its staging folder: {', '.join(staged[:5])}")


STAGED_AT_MOST = 2


@at_rest
def nothing_was_left_out(world: World) -> None:
    """No invariant: the tables that the simulation does not look at (`tables.EMPTY`) are empty indeed."""
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in EMPTY)
    filled = [name for (name,) in world.centre.look(asked)]
    if filled:
        raise RuntimeError(f"somebody writes {', '.join(filled)} now: they belong to tests.simulation.tables.USED")


def apart(world: World, machines: Iterable[Machine] | None = None) -> str:
    """I20: why the nodes have not converged yet; empty when they have."""
    for machine in world.classes() if machines is None else machines:
        said = _apart(world, machine)
        if said:
            return said
    return ""


def _apart(world: World, machine: Machine) -> str:
    centre = world.centre
    waiting = machine.unsealed()
    if waiting:
        return f"{machine.name} has not sealed {named(waiting)}"
    mine = {h for (h,) in machine.look("SELECT hash FROM segment WHERE node = ? AND stream = 'up'", machine.code)}
    theirs = {h for (h,) in centre.look("SELECT hash FROM segment WHERE node = ? AND stream = 'up'", machine.code)}
    if mine - theirs:
        return f"the centre lacks {len(mine - theirs)} segments of {machine.name}"
    if theirs - mine:
        return f"{machine.name} lacks {len(theirs - mine)} of its own segments, which the centre holds"
    sent = set(centre.look('SELECT "table", row_id FROM down_row WHERE node = ?', machine.code))
    aside = centre.aside()
    merged = dict(centre.look("SELECT dropped_id, kept_id FROM person_merge WHERE undone_at IS NULL"))
    held = machine.aside()
    for table in (*FACTS, *RECORDS):
        here, there = machine.table(table), centre.table(table)
        for name, key in sorted(sent):
            if name == table and key not in here and (name, key) not in held and not machine.erased((name, key)):
                return f"{machine.name} lacks {table} {key}, which the centre has sent it"
        for key, row in here.items():
            own = row["owner_node"] == machine.code
            if (table, key) in aside or not (own or (table, key) in sent) or _same(row, there.get(key), own, merged):
                continue
            if key not in there and "centre restored" in world.happened and _was_given(machine, key):
                continue  # its backup did not know of the row that it gave away since; what refers to it waits there
            how = f"says something else, {_other(row, there[key])}," if key in there else "is not"
            return f"{table} {key} of {row['owner_node']}, as {machine.name} holds it, {how} at the centre"
    return ""


def _other(here: dict[str, Any], there: dict[str, Any]) -> str:
    return ", ".join(f"{column} {there[column]!r:.40} and not {here[column]!r:.40}" for column in here if here[column] != there[column])


def _was_given(machine: Machine, key: str) -> bool:
    """Whether a row came down from the centre."""
    return bool(machine.look("SELECT 1 FROM journal_entry WHERE row_id = ? AND node = ?", key, CENTRE))


def _same(here: dict[str, Any], there: dict[str, Any] | None, own: bool, merged: dict[str, str]) -> bool:
    """Whether the rows agree. Of others' rows a class server gets no reference that leads outside its scope; a dropped file means the kept one."""
    return there is not None and all(
        here[column] == there[column] or (here[column] is None and not own) or merged.get(str(here[column])) == there[column] for column in here
    )
