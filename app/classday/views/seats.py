"""Seats and waves of a run: the proposal, changes by hand, PCs out of order, and the plan on paper."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.classday import rules, services
from app.classday.queries import Day, Here
from app.classday.views.blueprint import OfClass, bp, day_of, the_class
from app.classday.views.day import again
from app.errors import DomainError, Invalid, Message, say
from app.http import go, guarded, me, say_next, status_of
from app.offices.seats import SeatRow
from app.runs.views.sight import title_of, where_of


@dataclass(frozen=True)
class Sitting:
    """Where somebody sits as the page shows it; `wrong` is why that cannot be."""

    who: Here
    seat_id: uuid.UUID | None
    wave: int
    wrong: Message | None = None


@bp.get("/class/<code>/<day>/seats")
@guarded("class.day", the_class("class.day"))
def seats(of: OfClass) -> ResponseReturnValue:
    """Who sits where. With ?propose=1 the program's proposal is filled in; nothing is kept before the button."""
    found = day_of(of)
    expected = [one for one in found.people if not one.walk_in] or found.people  # a walk-in is seated before there is a plan
    proposing = "propose" in request.args or not any(one.seat_id for one in expected)
    plan = proposal(found) if proposing else {one.enrolment_id: (one.seat_id, one.wave) for one in found.people}
    return _page(of, found, plan, proposing=proposing)


def proposal(found: Day) -> dict[uuid.UUID, tuple[uuid.UUID | None, int]]:
    """The program's plan: those who came first, then the rest of the roster, over the PCs that work."""
    working = [seat.id for seat in found.seats if seat.state == "works"]
    places = rules.propose(
        [one.enrolment_id for one in found.people], working, keep={one.enrolment_id: one.at_seat if one.signed_in else one.seat_id for one in found.people},
    )
    made: dict[uuid.UUID, tuple[uuid.UUID | None, int]] = {one.enrolment_id: (None, 1) for one in found.people}
    made.update({place.person: (place.seat, place.wave) for place in places})  # type: ignore[misc]  # of the ids handed in
    return made


def _page(
    of: OfClass, found: Day, plan: dict[uuid.UUID, tuple[uuid.UUID | None, int]], *, proposing: bool = False, refused: DomainError | None = None
) -> ResponseReturnValue:
    wrong = refused.fields if isinstance(refused, Invalid) else {}
    sittings = [Sitting(one, *plan.get(one.enrolment_id, (one.seat_id, one.wave)), wrong.get(str(one.enrolment_id))) for one in found.people]
    works = sum(seat.state == "works" for seat in found.seats)
    waves = rules.waves_needed(len(found.people), works)
    text = render_template(
        "classday/seats.html", of=of, d=found, title=title_of(of.run), sittings=sittings, works=works, waves=waves,
        study=rules.waves_needed(len(found.people), works, 2), most=max(waves, *(one.wave for one in sittings), 1) + 1, proposing=proposing, refused=refused,
        who_has={seat.id: [one.who.name for one in sittings if one.seat_id == seat.id] for seat in found.seats},
    )
    return text, status_of(refused) if refused else 200


@bp.post("/class/<code>/<day>/seats")
@guarded("class.day", the_class("class.day"))
def save_seats(of: OfClass) -> ResponseReturnValue:
    """Keep the seats and waves as they stand in the form."""
    at, found = of.at, day_of(of)
    known = {str(seat.id): seat.id for seat in found.seats}
    plan: dict[uuid.UUID, tuple[uuid.UUID | None, int]] = {}
    for one in found.people:
        seat = known.get(request.form.get(f"seat-{one.enrolment_id}", ""))
        wave = request.form.get(f"wave-{one.enrolment_id}", type=int) or 1
        plan[one.enrolment_id] = (seat, min(max(wave, 1), 99))
    try:
        changed = services.set_seats(g.db, of.run, plan=plan, by=me().person_id, now=clock.now())
    except Invalid as refusal:
        g.db.rollback()
        of = again(of)
        return _page(of, day_of(of), plan, refused=refusal)
    say_next(say("seating", "Seats and waves are kept. Places that changed: {n}.", n=changed))
    return go("classday.seats" if request.form.get("stay") else "classday.day", **at)


@bp.get("/class/<code>/<day>/seats.pdf")
@guarded("class.day", the_class("class.day"))
def seats_paper(of: OfClass) -> ResponseReturnValue:
    """The plan for the door: waves for tests, and how PCs are shared for study."""
    found, run = day_of(of), of.run
    working = [seat for seat in found.seats if seat.state == "works"]
    by_id = {one.enrolment_id: one for one in found.people}
    study: dict[int, list[tuple[SeatRow, list[Here]]]] = {}
    for place in rules.propose(
        list(by_id), [seat.id for seat in working], at_one=2, keep={one.enrolment_id: one.seat_id for one in found.people},
    ):
        group = study.setdefault(place.wave, [(seat, []) for seat in working])
        next(people for seat, people in group if seat.id == place.seat).append(by_id[place.person])  # type: ignore[index]  # an enrolment
    waves: dict[int, list[tuple[str, Here]]] = {}
    for one in found.people:
        seat = found.seat(one.seat_id)
        waves.setdefault(one.wave, []).append((seat.label if seat else "", one))
    data = pdf.paper(
        "classday/paper_seats.html", language=i18n.language(), title=i18n.t("seating", "Seats and waves {code}", code=run.code), run=run,
        course=title_of(run), where=where_of(run), d=found, study=study, broken=[seat.label for seat in found.seats if seat.state == "broken"],
        waves={wave: sorted(people, key=lambda pair: (pair[0] == "", len(pair[0]), pair[0])) for wave, people in sorted(waves.items())},
        now=clock.now(), by=me().name,
    )
    return lists.attachment(data, f"{run.code}-seats.pdf", rows=len(found.people))
