"""A series: on which days a session or its meetings are repeated, every clash by its date, and saving what was decided."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import babel.dates
from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.errors import Conflict, Invalid, say
from app.http import go, guarded, me, say_next
from app.i18n import t
from app.planning.session_forms import SeriesForm
from app.planning.views.blueprint import bp
from app.planning.views.session_edit import show_refused
from app.planning.views.sight import meetings_in_words, sees, session_by, the_session, title_of, weekday
from app.schedule import session_rules, sessions
from app.schedule.models import TrainingSession
from app.schedule.session_rules import Choice, Rhythm, When

PLAN = "session.plan"
USUAL_TIMES = 6


@bp.get("/planning/sessions/<code>/series")
@guarded(PLAN, session_by(PLAN))
def series(session: TrainingSession) -> ResponseReturnValue:
    """Choose a rhythm; with one chosen, every date with what stands in its way. Nothing is stored."""
    return _page(session, _form(session, asked="times" in request.args))


@bp.post("/planning/sessions/<code>/series")
@guarded(PLAN, session_by(PLAN))
def save_series(session: TrainingSession) -> ResponseReturnValue:
    """Save the series as it was decided date by date, all of it or nothing."""
    code, form = session.code, _form(session, asked=True)
    if "preview" in request.form or not form.validate():
        return _page(session, form, 422 if form.errors else 200)
    own = form.what.data == "meetings"
    try:
        made = sessions.save_series(
            g.db, session, dates=_dates(form), whole=not own, weekdays=_weekdays(form), choices=_choices(), own=own, by=me().person_id, now=clock.now(),
            sees=sees, stretch=bool(form.stretch.data),
        )
    except (Invalid, Conflict) as refused:
        status = show_refused(form, refused)
        return _page(the_session(g.db, code), form, status)
    days = len({(one.session_id, one.day) for one in made})
    if own:
        say_next(say("series", "Meetings added: {n}.", n=len(made)))
        return go("planning.meetings", code=code)
    say_next(say("series", "Draft sessions made: {n}, with {days} days of meetings. Their slots are empty.", n=len({one.session_id for one in made}), days=days))
    return go("planning.index", month=f"{made[0].day:%Y-%m}")


def _page(session: TrainingSession, form: SeriesForm, status: int = 200) -> ResponseReturnValue:
    run, own = session.run, form.what.data == "meetings"
    block = sessions.block_of(g.db, session, whole=not own)
    rows = []
    asked = form.is_submitted() or "times" in request.args
    if asked and block and (form.is_submitted() or form.validate()) and not _bad(form):
        rows = sessions.preview(
            g.db, session, run, dates=_dates(form), block=block, weekdays=_weekdays(form), choices=_choices(), own=own, sees=sees, stretch=bool(form.stretch.data),
        )
    return render_template(
        "planning/series.html", session=session, title=title_of(session), form=form, block=list(dict.fromkeys(_hours(one) for one in block)), rows=rows, own=own,
        in_words=meetings_in_words(session, sessions.meetings_of(g.db, session.id)), weekday=weekday, choices=session_rules.CHOICES,
        saved=sum(len(row.meetings) for row in rows), open=sum(row.problem is not None for row in rows), clashing=sum(bool(row.clashes) for row in rows),
        decided=bool(_choices()), hours=_hours, Choice=Choice, asked=asked,
    ), status if not form.errors else max(status, 422)


def _form(session: TrainingSession, *, asked: bool) -> SeriesForm:
    block = sessions.block_of(g.db, session, whole=False)
    first = (block[0].day if block else session.run.starts_on) + timedelta(weeks=1)
    weeks_left = max(1, min(USUAL_TIMES, ((session.run.ends_on - first).days // 7) + 1))
    form = SeriesForm(request.values if asked else None, data={"what": "meetings", "first": first, "every": 1, "times": weeks_left, "weekdays": [first.isoweekday()]})
    form.what.choices = [("meetings", t("series", "more meetings of this session")), ("sessions", t("series", "a draft session like this one for each date"))]
    form.every.choices = [(key, i18n.say(word)) for key, word in session_rules.RHYTHMS.items()]
    names = babel.dates.get_day_names("abbreviated", locale=i18n.locale())
    form.weekdays.choices = [(n, str(names[n - 1])) for n in range(1, 8)]
    return form


def _bad(form: SeriesForm) -> bool:
    """Whether the rhythm cannot be laid out; its errors stand at their fields then."""
    if form.first.data is None or form.times.data is None or form.every.data is None:
        return True
    if not form.errors and (wrong := session_rules.bad_rhythm(_rhythm(form))):
        form.show(Invalid(fields=wrong))
    return bool(form.first.errors or form.times.errors or form.every.errors or form.weekdays.errors) or bool(session_rules.bad_rhythm(_rhythm(form)))


def _rhythm(form: SeriesForm) -> Rhythm:
    given: dict[str, Any] = form.data
    return Rhythm(given["first"], _weekdays(form), given["every"], given["times"])


def _weekdays(form: SeriesForm) -> frozenset[int]:
    return frozenset(int(one) for one in form.weekdays.data or [])


def _dates(form: SeriesForm) -> list[date]:
    if wrong := session_rules.bad_rhythm(_rhythm(form)):
        raise Invalid(fields=wrong)
    return session_rules.dates_of(_rhythm(form))


def _choices() -> dict[date, Choice]:
    """What was chosen for the dates: fields named "on-2026-11-30"."""
    found = {}
    for name, value in request.values.items():
        if name.startswith("on-") and value in {one.value for one in Choice}:
            try:
                found[date.fromisoformat(name[3:])] = Choice(value)
            except ValueError:
                continue
    return found


def _hours(when: When) -> str:
    return f"{when.starts:%H:%M}–{when.ends:%H:%M}"
