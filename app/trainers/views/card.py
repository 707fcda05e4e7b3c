"""A trainer's card: all that stands on it, and the small forms that change it in place."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n
from app.courses.models import Course
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.forms import Form
from app.http import actor, audit, can, go, guarded, me, say_next, status_of
from app.notices.services import tell
from app.offices.models import Country, Office
from app.offices.scope import under
from app.people.models import Person, RoleGrant
from app.policy import Role, Target, in_force, scope
from app.schedule.models import TrainingSession
from app.schedule.session_rules import ROLES
from app.trainers import absences, forms, queries, rules, services
from app.trainers.models import Absence, Accreditation, EntryPermit, HomeRelease, Pairing, Trainer, TrainerStep
from app.trainers.rules import Span
from app.trainers.views import sight
from app.trainers.views.blueprint import bp
from app.trainers.views.sight import today

R = TypeVar("R")

WATCHED = timedelta(days=120)
"""Sessions so far back may still be named for an observation."""
ABSENCES_BACK = timedelta(days=30)


@dataclass(frozen=True)
class Deed:
    """What one of the small forms does: its form, and the verb; the verb gives the sentence that the next page shows."""

    form: type[Form]
    do: Callable[[Trainer, Any, uuid.UUID | None], Message]


# ---- the page --------------------------------------------------------------------------------------------------------


@bp.get("/trainers/<uuid:trainer_id>")
@guarded("trainer.read", sight.the_trainer)
def card(trainer: Trainer) -> ResponseReturnValue:
    """A trainer's card. Who looked at it is audited."""
    audit("trainer.read", about=str(trainer.person_id))
    return _card(trainer)


def _card(trainer: Trainer, failed: tuple[str, str, Form] | None = None) -> str:
    db, on = g.db, today()
    own = trainer.person_id == me().person_id
    abroad = not own and not sight.at_home(trainer.home.path)
    may = can("trainer.keep", Target(path=trainer.home.path))
    held = queries.held_of(db, trainer.id)
    steps = queries.steps_of(db, trainer.id)
    card = queries.card_of(db, trainer)
    owed = _owed(card.steps)

    def form_of(deed: str, row: object = "") -> Form:
        if failed and failed[0] == deed and failed[1] == str(row):
            return failed[2]
        fresh: Form = _form(trainer, deed, str(row), formdata=None)
        return fresh

    return render_template(
        "trainers/card.html", trainer=trainer, officer=trainer.person, card=card, stage=rules.stage_of(steps, held, on), way=rules.way_of(steps),
        owed=owed, rules=rules, courses=sight.course_titles(db), codes=_codes(db, card.steps), abroad=abroad, may=may, today=on, form_of=form_of,
        failed=failed, load=sight.loads(db, [trainer.person_id], on)[trainer.person_id], rating=sight.rating_of(db, trainer.person_id),
        sessions=[] if abroad else sight.sessions_of(db, trainer.person_id, since=on - timedelta(days=30)), roles=ROLES,
        reads=lambda one: can("session.read", Target(path=one.path)),
        absences=absences.current(db, [trainer.person_id], clock.now() - ABSENCES_BACK), span=span_in_words, in_force=in_force, soon=on + timedelta(days=60),
    )


def _owed(steps: Sequence[TrainerStep]) -> set[uuid.UUID]:
    """The steps that an assessor was asked for and that are still open."""
    in_order = sorted(steps, key=lambda one: (one.at, one.id))
    known = [rules.Step(one.stage, one.day, one.result, one.assessor_id, one.session_id) for one in in_order]
    waiting = rules.open_observations(known)
    return {row.id for row, step in zip(in_order, known, strict=True) if any(step is one for one in waiting)}


def _codes(db: Session, steps: Sequence[TrainerStep]) -> dict[uuid.UUID, str]:
    ids = {one.session_id for one in steps if one.session_id}
    return dict(db.execute(sa.select(TrainingSession.id, TrainingSession.code).where(TrainingSession.id.in_(ids))).all()) if ids else {}


def span_in_words(one: Absence) -> tuple[date, date, str]:
    """The days of an absence by the clock that it was said for, and the hours where it is not whole days."""
    first, last, whole = rules.days_in_words(Span(one.starts_at, one.ends_at), one.zone)
    return first, last, "" if whole else f"{i18n.time_of_day(one.starts_at, one.zone)}\N{EN DASH}{i18n.time_of_day(one.ends_at, one.zone)}"


# ---- changing it -----------------------------------------------------------------------------------------------------


@bp.post(
    "/trainers/<uuid:trainer_id>/<any(card, workshop, observe, drop, accredit, withdraw, language, absence, take_back, permit, end_permit, letter, answer, pair, end_pair, leave):deed>"
)
@guarded("trainer.keep", sight.kept_trainer)
def change(trainer: Trainer, deed: str) -> ResponseReturnValue:
    """One of the small forms of a card; refused, the card is shown again with what was typed."""
    row = request.args.get("row", "")
    form = _form(trainer, deed, row)
    status = 422
    try:
        if form.validate():
            said = DEEDS[deed].do(trainer, form, _id(row))
            say_next(said)
            return go("trainers.card", trainer_id=trainer.id, _anchor=PLACES[deed])
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        form.show(refused if isinstance(refused, Invalid) else Invalid(refused.message))
        status = status_of(refused)
        trainer, _ = sight.kept_trainer(g.db, uuid.UUID(str(trainer.id)))
    return _card(trainer, (deed, row, form)), status


PLACES = {
    "card": "card", "workshop": "way", "observe": "way", "drop": "way", "accredit": "accreditations", "withdraw": "accreditations", "language": "languages",
    "absence": "absences", "take_back": "absences", "permit": "papers", "end_permit": "papers", "letter": "papers", "answer": "papers", "pair": "pairs",
    "end_pair": "pairs", "leave": "card",
}


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _form(trainer: Trainer, deed: str, row: str, **given: Any) -> Any:
    """The form of a deed with its choices; a new one begins with what is on the card, or today."""
    form: Any = DEEDS[deed].form(prefix=f"{deed}{row[-8:]}-", **given)
    fresh = "formdata" in given
    for name, words in {
        "reach": rules.REACHES, "travels": rules.TRAVELS, "kind": rules.PAIRINGS if deed == "pair" else rules.KINDS,
    }.items():
        if name in form:
            form[name].choices = forms.choices(words)
    if deed in ("accredit", "language"):
        form.level.choices = forms.choices(rules.LEVELS) if deed == "accredit" else [("", i18n.t("trainer", "not any more")), *((one, one) for one in rules.CEFR)]
    if deed == "language":
        form.language.choices = [(tag, i18n.tongue(tag)) for tag in rules.LANGUAGES]
    if deed == "card":
        _fill_card(trainer, form, fresh)
    if deed == "observe":
        form.session.choices = [("", i18n.t("trainer", "none of these: say below")), *_watchable(g.db, trainer)]
        form.assessor.choices = [("", i18n.t("person", "choose")), *_assessors(g.db, trainer)]
    if deed == "accredit":
        form.course.choices = [("", i18n.t("person", "choose")), *((str(key), title) for key, title in sight.course_titles(g.db).items())]
    if deed == "permit":
        form.country.choices = [("", "–"), *((str(one.id), i18n.pick(one.names)) for one in g.db.scalars(sa.select(Country).order_by(Country.code)))]
        form.office.choices = [("", "–"), *_sites(g.db)]
    if deed == "answer":
        form.given.choices = [("given", i18n.t("trainer", "lets him go")), ("refused", i18n.t("trainer", "does not let him go"))]
    if deed == "pair":
        form.other.choices = [("", i18n.t("person", "choose")), *_others(g.db, trainer)]
    if fresh:
        for name in ("day", "valid_from", "asked_on"):
            if name in form:
                form[name].data = today()
    return form


def _fill_card(trainer: Trainer, form: Any, fresh: bool) -> None:
    form.home.choices = sight.office_options(g.db, "trainer.keep")
    if fresh:
        form.home.data = str(trainer.home_office_id)
        for name in ("reach", "travels", "share", "days_a_month", "days_a_quarter", "passport_to", "needs_release", "note"):
            form[name].data = getattr(trainer, name)


def _watchable(db: Session, trainer: Trainer) -> list[tuple[str, str]]:
    return [
        (str(one.session.id), f"{one.session.code}, {one.title}, {i18n.day_range(one.first, one.last)}")
        for one in sight.sessions_of(db, trainer.person_id, since=today() - WATCHED)
    ]


def _assessors(db: Session, trainer: Trainer) -> list[tuple[str, str]]:
    """Who may watch: accredited trainers and holders of the role of trainer in the offices of who asks."""
    paths = scope(actor(), "trainer.keep")
    able = sa.select(Trainer.person_id).join(Office, Office.id == Trainer.home_office_id).where(
        under(Office.path, paths), Trainer.left_on.is_(None), queries.stage(today()) == rules.Stage.ACCREDITED.value,
    )
    holds = sa.select(RoleGrant.person_id).join(Office, Office.id == RoleGrant.office_id).where(
        RoleGrant.role == Role.REVIEWER.value, under(Office.path, paths), RoleGrant.valid_from <= today(),
        sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today()),
    )
    rows = db.execute(
        sa.select(Person.id, Person.display_name).where(sa.or_(Person.id.in_(able), Person.id.in_(holds)), Person.id != trainer.person_id).order_by(Person.sort_key, Person.id)
    )
    return [(str(id), name) for id, name in rows]


def _sites(db: Session) -> list[tuple[str, str]]:
    rows = db.execute(
        sa.select(Office.id, Office.names, Country.code).join(Country, Country.id == Office.country_id)
        .where(Office.closed_on.is_(None), Office.kind == "border-office").order_by(Office.path)
    )
    return [(str(id), f"{i18n.pick(names)}, {code}") for id, names, code in rows]


def _others(db: Session, trainer: Trainer) -> list[tuple[str, str]]:
    rows = db.execute(
        queries.pool(scope(actor(), "trainer.keep")).where(Trainer.id != trainer.id).with_only_columns(Trainer.id, Person.display_name, Country.code)
        .order_by(Person.sort_key, Person.id)
    )
    return [(str(id), f"{name}, {code}") for id, name, code in rows]


def spans_of(form: Any, zone: str) -> list[Span]:
    """The spans that a form of absence means, by the clock of a place. Raises Invalid at the field that is wrong."""
    first, last = form.first.data, form.last.data
    if faults := rules.bad_days(first, last):
        raise Invalid(fields=faults)
    begins, ends = form.begins.data, form.ends.data
    if (begins is None) != (ends is None):
        raise Invalid(fields={"ends" if ends is None else "begins": say("absence", "Give both times, or neither: then whole days are meant.")})
    if begins is None:
        span = rules.whole_days(first, last, zone)
    else:
        span = rules.hours(first, begins, last, ends, zone)
        if span.ends_at <= span.starts_at:
            raise Invalid(fields={"ends": say("absence", "This ends before it starts.")})
    every = form.every.data if "every" in form else None
    if not every:
        return [span]
    if every < 1 or not 1 <= (last - first).days + 1 <= every + 1:
        raise Invalid(fields={"every": say("absence", "Give a number of days that is no smaller than the shift is long.")})
    if form.until.data is None or form.until.data < first:
        raise Invalid(fields={"until": say("absence", "Give the day until which it is repeated.")})
    return rules.shifts(span, every, form.until.data, zone)


def row_of(model: type[R], row: uuid.UUID | None, **belongs: Any) -> R:
    """A row that belongs to the trainer whose page it is. Raises NotFound for any other."""
    found = g.db.get(model, row, with_for_update=True) if row else None
    if found is None or any(getattr(found, name) != value for name, value in belongs.items()):
        raise NotFound()
    return found  # type: ignore[no-any-return]


def _change_card(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    services.change_card(
        g.db, trainer, home=g.db.get_one(Office, uuid.UUID(form.home.data)), reach=form.reach.data, travels=form.travels.data, share=form.share.data,
        days_a_month=form.days_a_month.data, days_a_quarter=form.days_a_quarter.data, needs_release=form.needs_release.data,
        passport_to=form.passport_to.data, note=form.note.data or "",
    )
    return say("trainer", "The card is changed.")


def _note_workshop(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    services.note_workshop(g.db, trainer, day=form.day.data, note=form.note.data or "", by=me().person_id, now=clock.now())
    return say("trainer", "The workshop is noted.")


def _ask_observation(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    assessor, name = g.db.get_one(Person, uuid.UUID(form.assessor.data)), trainer.person.display_name  # before the lock reads the row anew
    step = services.ask_observation(
        g.db, trainer, assessor=assessor, day=form.day.data, session_id=_id(form.session.data or ""), note=form.note.data or "",
        by=me().person_id, now=clock.now(),
    )
    tell(g.db, assessor.id, "observe", {"who": name, "day": form.day.data}, "/my/teaching", clock.now(), key=f"observe-{step.id}")
    return say("trainer", "{name} is asked to watch and to sign; it stands on his page My teaching.", name=assessor.short_name)


def _drop(trainer: Trainer, _form: Any, row: uuid.UUID | None) -> Message:
    services.drop_observation(g.db, row_of(TrainerStep, row, trainer_id=trainer.id), by=me().person_id, now=clock.now())
    return say("trainer", "The observation is called off.")


def _accredit(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    course, name = g.db.get_one(Course, uuid.UUID(form.course.data)), trainer.person.display_name
    services.accredit(
        g.db, trainer, course=course, level=form.level.data, valid_from=form.valid_from.data, valid_to=form.valid_to.data,
        document=form.document.data or "", by=me().person_id, now=clock.now(),
    )
    return say("trainer", "{name} is accredited for {course}.", name=name, course=sight.course_titles(g.db)[course.id])


def _withdraw(trainer: Trainer, form: Any, row: uuid.UUID | None) -> Message:
    services.withdraw_accreditation(
        g.db, row_of(Accreditation, row, trainer_id=trainer.id), day=form.day.data, why=form.why.data or "", by=me().person_id, now=clock.now(),
    )
    audit("accreditation.withdraw", about=str(trainer.person_id), reason=form.why.data)
    return say("trainer", "The accreditation is withdrawn. Sessions to come that need it are marked within a minute.")


def _language(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    services.state_language(g.db, trainer, language=form.language.data, level=form.level.data)
    return say("trainer", "The language is noted.")


def _absence(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    made = absences.add(
        g.db, person_id=trainer.person_id, kind=form.kind.data, spans=spans_of(form, trainer.home.zone), zone=trainer.home.zone, note=form.note.data or "",
    )
    if not made:
        return say("absence", "This was on file already.")
    return say("absence", "The absence is noted. Sessions to come that it touches are marked within a minute.")


def _take_back(trainer: Trainer, _form: Any, row: uuid.UUID | None) -> Message:
    absences.take_back(g.db, row_of(Absence, row, person_id=trainer.person_id), today=today())
    return say("absence", "The absence is taken back.")


def _permit(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    country, office = _id(form.country.data or ""), _id(form.office.data or "")
    services.add_permit(
        g.db, trainer, country=g.db.get_one(Country, country) if country else None, office=g.db.get_one(Office, office) if office else None,
        valid_from=form.valid_from.data, valid_to=form.valid_to.data, document=form.document.data or "",
    )
    return say("trainer", "The permit is noted.")


def _end_permit(trainer: Trainer, _form: Any, row: uuid.UUID | None) -> Message:
    services.end_permit(g.db, row_of(EntryPermit, row, trainer_id=trainer.id), last_day=today() - timedelta(days=1))
    return say("trainer", "The permit counts no longer.")


def _letter(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    services.ask_release(g.db, trainer, first=form.first.data, last=form.last.data, asked_on=form.asked_on.data)
    return say("trainer", "It is noted that the letter was asked for.")


def _answer(trainer: Trainer, form: Any, row: uuid.UUID | None) -> Message:
    services.answer_release(
        g.db, row_of(HomeRelease, row, trainer_id=trainer.id), given=form.given.data == "given", day=form.day.data, document=form.document.data or "",
    )
    return say("trainer", "The answer of his agency is noted.")


def _pair(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    services.pair(g.db, trainer, other=g.db.get_one(Trainer, uuid.UUID(form.other.data)), kind=form.kind.data, reason=form.reason.data or "")
    return say("trainer", "It is noted whom he teaches with.")


def _end_pair(trainer: Trainer, _form: Any, row: uuid.UUID | None) -> Message:
    pairing = row_of(Pairing, row)
    if trainer.id not in (pairing.trainer_id, pairing.other_id):
        raise NotFound()
    services.end_pairing(g.db, pairing, day=today())
    return say("trainer", "This holds no longer.")


def _leave(trainer: Trainer, form: Any, _row: uuid.UUID | None) -> Message:
    name = trainer.person.display_name
    services.let_out(g.db, trainer, day=form.day.data, now=clock.now())
    return say("trainer", "{name} is out of the pool. The card and its history stay.", name=name)


DEEDS = {
    "card": Deed(forms.CardForm, _change_card), "workshop": Deed(forms.WorkshopForm, _note_workshop), "observe": Deed(forms.ObserveForm, _ask_observation),
    "drop": Deed(forms.RowForm, _drop), "accredit": Deed(forms.AccreditForm, _accredit), "withdraw": Deed(forms.WithdrawForm, _withdraw),
    "language": Deed(forms.LanguageForm, _language), "absence": Deed(forms.ShiftForm, _absence), "take_back": Deed(forms.RowForm, _take_back),
    "permit": Deed(forms.PermitForm, _permit), "end_permit": Deed(forms.RowForm, _end_permit), "letter": Deed(forms.LetterForm, _letter),
    "answer": Deed(forms.AnswerForm, _answer), "pair": Deed(forms.PairForm, _pair), "end_pair": Deed(forms.RowForm, _end_pair),
    "leave": Deed(forms.LeaveForm, _leave),
}
