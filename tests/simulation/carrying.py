"""How bundles get from one node to another: sticks that are lost, copied and spoiled, and a line that is cut anywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.sync import applying, exchange, receipts, sealer
from app.sync.bundles import SEGMENT
from app.sync.exchange import Fresh
from app.work import work
from tests.simulation.world import CENTRE, Machine, Outcome, Violation, World


@dataclass
class Bundle:
    """A bundle in somebody's hands: on a stick, or on its way over a line."""

    number: int
    maker: str  # place of the machine that made it
    sender: str  # node code
    to: str  # node code
    data: bytes
    segments: tuple[str, ...] = ()  # hashes of the sender's own that are in it
    proves: frozenset[str] = frozenset()  # segments of its receiver that the sender holds
    spoiled: str = ""  # what happened to it on the way
    delivered: int = 0  # times

    def __str__(self) -> str:
        return f"bundle {self.number} ({self.maker} to {self.to}{', ' + self.spoiled if self.spoiled else ''})"


def seal(world: World, machine: Machine) -> Outcome:
    """What the job process does every minute."""

    def do() -> int:
        return sealer.seal_all(
            machine.database, machine.folder, machine.keys(), machine.clock.now(), size=world.segment_size, machine=machine.hardware
        )

    return world.ask(machine, "seals", do)


def make(world: World, machine: Machine, to: str, fresh: Fresh | None = None) -> Bundle | None:
    """Let a machine make a bundle; None when nothing was to be sent or the machine failed. What it made is only the file."""

    def do() -> tuple[bytes, tuple[str, ...]] | None:
        made = exchange.make_bundle(
            machine.database, machine.config, machine.keys(), to=to, folder=machine.folder / "exchange", now=machine.clock.now(), fresh=fresh,
            only_needed=fresh is not None, size=world.segment_size,
        )  # fmt: skip
        if made.path is None:
            return None
        data = made.path.read_bytes()
        made.path.unlink()
        found = made.manifest.parts if made.manifest else []
        return data, tuple(part.names["hash"] for part in found if part.kind == SEGMENT and part.names["node"] == machine.code)

    outcome = world.ask(machine, f"makes bundle {world.bundles + 1} for {to}", do)
    if not outcome.ok or outcome.value is None:
        return None
    world.bundles += 1
    data, held = outcome.value
    world.digest.update(data)
    proves = frozenset(digest for (digest,) in machine.look("SELECT hash FROM segment WHERE node = ? AND stream = 'up'", to))
    return Bundle(world.bundles, machine.place, machine.code, to, data, held, proves)


def deliver(world: World, bundle: Bundle, machine: Machine, way: str = "stick", fresh: bool = False) -> Outcome:
    """Somebody hands a bundle to a machine, whoever it is for. A spoiled one must be refused and change nothing."""
    bundle.delivered += 1
    before = machine.rows_of_others() if bundle.spoiled else None
    own = {digest for (digest,) in machine.look("SELECT hash FROM segment WHERE node = ? AND stream = 'up'", machine.code)}

    def do() -> exchange.Outcome:
        path = machine.folder / "exchange" / f"in-{bundle.number}.sabaq"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bundle.data)
        try:
            return exchange.take_bundle(
                machine.database, machine.config, machine.keys(), path, way=way, now=machine.clock.now(), fresh=fresh
            )
        finally:
            path.unlink(missing_ok=True)

    outcome = world.ask(machine, f"takes {bundle}", do)
    if outcome.ok:
        world.note(machine, f"  {_told(outcome.value)}")
        machine.cut_since_note = False
        machine.blind &= bundle.proves <= own  # from now on it knows of its other life
    if bundle.spoiled and not (outcome.cut or outcome.full):
        if outcome.ok:
            raise Violation("I8", f"{machine.name} took {bundle}")
        if machine.rows_of_others() != before:
            raise Violation("I8", f"{machine.name} refused {bundle} and yet changed something")
    return outcome


def _told(outcome: exchange.Outcome) -> str:
    taken = outcome.taken
    parts = [f"{taken.new} new", f"{taken.known} known"]
    parts += [f"{count} {why}" for why, count in sorted(taken.held.items())]
    parts += [f"gap before {number} of {node}" for node, number in sorted(outcome.missing.items())]
    if outcome.quarantined:
        parts.append(f"{outcome.quarantined} in quarantine")
    if outcome.down is not None:
        parts.append(f"version {outcome.down}")
    if outcome.restored:
        parts.append("it was restored")
    if taken.fork:
        parts.append("a fork")
    return ", ".join(parts)


def understand(machine: Machine) -> int:
    """What a newer release does at its first start: try again what the older one did not understand."""
    with machine.database.sessions() as db:
        trust = exchange.whom_to_trust(db, machine.config, machine.keys())
    with work(machine.database) as db:
        return applying.retry_held(db, trust=trust, now=machine.clock.now(), also=(applying.UNKNOWN,))


def says(world: World, machine: Machine, peer: str) -> Fresh | None:
    """What a machine says of itself in a hello over the line; None when it failed."""

    def do() -> Fresh:
        with machine.database.sessions() as db:
            said = exchange.statement(db, machine.config, peer, now=machine.clock.now())
            receipt = receipts.newest(db, by=peer, about=machine.code)
            said["receipt"] = receipt.hash if receipt else ""
        return Fresh(said["holds"], said)

    return world.ask(machine, f"hello to {peer}", do).value


def over_the_line(world: World, machine: Machine, cut: int = 9) -> bool:
    """One exchange of a class server with the centre over a line that is cut after `cut` steps. True when all of it was done."""
    centre = world.centre
    steps = iter(range(cut))

    def goes_on() -> bool:
        if next(steps, None) is None:
            world.note(machine, "the line is cut")
            return False
        return True

    if not goes_on():
        return False
    answer = says(world, centre, machine.code)
    if answer is None:
        return False
    up = make(world, machine, CENTRE, answer)
    if not goes_on():
        return False
    if up is not None and not deliver(world, up, centre, "https").ok:
        return False
    if not goes_on():
        return False
    hello = says(world, machine, CENTRE)
    if hello is None:
        return False
    down = make(world, centre, machine.code, hello)
    if not goes_on():
        return False
    return down is None or deliver(world, down, machine, "https", fresh=True).ok


def by_stick(world: World, machine: Machine) -> None:
    """One exchange by a courier who goes there and back."""
    up = make(world, machine, CENTRE)
    if up is None or not deliver(world, up, world.centre).ok:
        return
    down = make(world, world.centre, machine.code)
    if down is not None:
        deliver(world, down, machine)


def spoil(world: World, bundle: Bundle) -> Bundle:
    """The same bundle after something happened to its stick."""
    how = world.chance.choice(("cut short", "a bit flipped", "for somebody else"))
    data = bundle.data
    if how == "cut short":
        data = data[: world.chance.randrange(len(data))]
    elif how == "a bit flipped":
        at = world.chance.randrange(len(data))
        data = data[:at] + bytes([data[at] ^ 1 << world.chance.randrange(8)]) + data[at + 1 :]
    return replace(bundle, data=data, spoiled=how)


def whole(world: World, to: str) -> list[Bundle]:
    """Sticks for a node that are still in somebody's pocket, unspoiled."""
    return [stick for stick in world.sticks if stick.to == to and not stick.spoiled]
