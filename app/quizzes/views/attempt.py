"""Pages of tests: before it, the attempt, the summary, the result; and what the attempt's script asks for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import Session, joinedload

from app import clock, i18n
from app.courses.content import CourseContent, Lesson, Quiz
from app.courses.queries import course_content
from app.errors import Conflict, NotFound
from app.http import go, guarded, say_next
from app.ids import new_token
from app.ops.doctor import date_fault, exam_faults
from app.people.models import Person
from app.policy import Target
from app.progress import reading
from app.progress.results import COUNTS
from app.questions import shown
from app.questions.content import Question
from app.questions.kind import Response
from app.quizzes import forms, queries, rules, services
from app.quizzes.errors import HandedIn, NodeUnfit, OpenElsewhere, SomebodysSeat, TooLate, WaitForRoom
from app.quizzes.models import Attempt, AttemptClock
from app.quizzes.queries import Given, Marked
from app.quizzes.retests import queries as retests
from app.quizzes.views.blueprint import bp
from app.quizzes.views.here import seat_elsewhere, seat_here
from app.runs.models import Enrolment


@bp.app_template_global()
def local_day(at: datetime) -> str:
    """The day of a moment where the viewer is."""
    return i18n.day(at.astimezone(ZoneInfo(i18n.viewer_zone())).date())


SURE = ("guess", "fairly", "sure")
HELPED = ("ordering", "scenario", "free-text")
"""Types that js/questions.js helps with, beside every question with a picture."""


# ---- finding ---------------------------------------------------------------------------------------------------------


def my_enrolment(db: Session, enrolment_id: uuid.UUID) -> tuple[Enrolment, Target]:
    """An enrolment of the address, with its run."""
    enrolment = db.scalar(sa.select(Enrolment).where(Enrolment.id == enrolment_id).options(joinedload(Enrolment.run)))
    if enrolment is None:
        raise NotFound()
    return enrolment, Target(owner=enrolment.person_id)


@dataclass(frozen=True)
class Sat:
    """An attempt as a page shows it."""

    attempt: Attempt
    clock: AttemptClock | None
    person: Person

    @cached_property
    def content(self) -> CourseContent:
        """The course version that the attempt is pinned to."""
        return course_content(g.db, self.attempt.course_version_id)

    @cached_property
    def quiz(self) -> Quiz:
        """The test."""
        quiz = self.content.quiz(self.attempt.quiz)
        if quiz is None:
            raise NotFound()
        return quiz

    @property
    def title(self) -> str:
        """Its title in the language of the interface, if the course speaks it."""
        return self.content.say(self.quiz.title, i18n.language())

    @cached_property
    def answers(self) -> dict[str, Given]:
        """The newest answers."""
        return queries.newest_answers(g.db, self.attempt.id)

    @cached_property
    def marks(self) -> dict[str, Marked]:
        """The marks that hold."""
        return queries.marks_of(g.db, self.attempt.id)

    @cached_property
    def remaining_ms(self) -> int | None:
        """Time left; None without a limit."""
        if self.clock is None:
            return None
        return rules.remaining_ms(queries.sitting_of(self.attempt, self.clock), clock.uptime(), clock.now())

    @property
    def over(self) -> bool:
        """Whether the time is over for good."""
        return self.remaining_ms is not None and self.remaining_ms < -rules.GRACE_MS

    @property
    def ends_at(self) -> datetime | None:
        """When the time is over, by the server's wall clock."""
        return None if self.remaining_ms is None else clock.now() + timedelta(milliseconds=self.remaining_ms)

    @property
    def saved_at(self) -> datetime | None:
        """When the newest answer was saved."""
        return max((one.at for one in self.answers.values()), default=None)

    def media(self, file: str) -> str:
        """The address of a picture of this version."""
        return self._pictures + file

    @cached_property
    def _pictures(self) -> str:
        return url_for("courses.media", version_id=self.attempt.course_version_id, file="x").removesuffix("x")

    def number_of(self, question: str) -> int:
        """A question's place, from 1."""
        return self.attempt.draw.index(question) + 1 if question in self.attempt.draw else 1

    def id_at(self, number: int) -> str:
        """The question at a place. Raises NotFound."""
        if not 1 <= number <= len(self.attempt.draw):
            raise NotFound()
        return self.attempt.draw[number - 1]

    @cached_property
    def places(self) -> list[Place]:
        """All questions with what is known of each."""
        seen = set(self.clock.seen) if self.clock else set()
        flagged = set(self.clock.flagged) if self.clock else set()
        return [Place(self, n, one, one in seen, one in flagged) for n, one in enumerate(self.attempt.draw, 1)]


@dataclass(frozen=True)
class Place:
    """One question of an attempt."""

    sat: Sat
    number: int
    id: str
    seen: bool
    flagged: bool

    @property
    def name(self) -> str:
        """What its fields are called."""
        return f"q{self.number}"

    @property
    def question(self) -> Question:
        """The question."""
        return self.sat.content.bank[self.id]

    @property
    def given(self) -> Given | None:
        """Its newest stored answer."""
        return self.sat.answers.get(self.id)

    @property
    def response(self) -> Response:
        """What is stored."""
        return self.given.response if self.given else {}

    @property
    def answered(self) -> bool:
        """Whether anything is."""
        return bool(self.response)

    @property
    def revision(self) -> int:
        """Of the newest stored answer; 0 for none."""
        return self.given.revision if self.given else 0

    @cached_property
    def order(self) -> list[str]:
        """The order in which this attempt shows it."""
        return shown.order_of(self.question, self.sat.attempt.seed)

    @cached_property
    def shown(self) -> Shown:
        """The question as the page of a running attempt has it: all that it may know."""
        return _shown(self, self.response)

    @cached_property
    def empty(self) -> Shown:
        """The question with nothing given: asked once more."""
        return _shown(self, {})

    @cached_property
    def review(self) -> dict[str, Any]:
        """The question with what was right, and the mark that holds where there is one. `compare`: its writer judges it himself."""
        made = shown.review(self.question, self.sat.attempt.language, self.order, self.response)
        if self.sat.attempt.kind == "practice" and self.question.kind.by_hand:
            return made | {"waits": False, "compare": True}
        held = self.sat.marks.get(self.id)
        return made | {"mark": rules.exact(held.points), "waits": False} if held else made


@dataclass(frozen=True)
class Shown:
    """A question ready for the page. Its fields are called NAME, which each attempt replaces by its own q1, q2, …"""

    text: str
    html: str
    tongue: str
    stands_in: bool  # the wanted language is missing

    def named(self, name: str) -> Markup:
        """Its fields under this name."""
        return Markup(self.html.replace(NAME, name))  # noqa: S704  (a template of ours made it)


NAME = "\ue000"  # no text has this letter
_KEPT = 2000  # a class sees some dozens of questions, each in a few orders
_pages: dict[tuple[Any, ...], Shown] = {}


def _shown(place: Place, response: Response) -> Shown:
    """Made once for all who see the same question in the same order with the same answer: most of a page's cost is here."""
    attempt = place.sat.attempt
    order = place.order
    practice = attempt.kind == "practice"
    key = (attempt.course_version_id, place.id, tuple(order), attempt.language, i18n.language(), repr(response), practice)
    made = _pages.get(key)
    if made is None:
        q = shown.public(place.question, attempt.language, order, response, described=practice)
        template = current_app.jinja_env.get_template(f"questions/page/{q['type']}.html")
        html = template.render(q=q, name=NAME, media=place.sat.media, practice=practice)
        made = Shown(q["text"], html, q["fallback_language"] or attempt.language, q["fallback_language"] is not None)
        _pages[key] = made
        while len(_pages) > _KEPT:
            _pages.pop(next(iter(_pages)), None)
    return made


_MY_ATTEMPT = (
    sa.select(Attempt, AttemptClock, Person)
    .join(Enrolment, Enrolment.id == Attempt.enrolment_id)
    .join(Person, Person.id == Enrolment.person_id)
    .outerjoin(AttemptClock, AttemptClock.attempt_id == Attempt.id)
    .where(Attempt.id == sa.bindparam("attempt_id"))
)


def my_attempt(db: Session, attempt_id: uuid.UUID) -> tuple[Sat, Target]:
    """An attempt of the address with its clock and its person: one query."""
    row = db.execute(_MY_ATTEMPT, {"attempt_id": attempt_id}).one_or_none()
    if row is None:
        raise NotFound()
    return Sat(*row), Target(owner=row[2].id)


@dataclass(frozen=True)
class Mine:
    """What a script's request needs to know before it takes the write lock."""

    id: uuid.UUID
    version_id: uuid.UUID
    draw: list[str]
    seed: str

    def id_at(self, number: int) -> str:
        """The question at a place. Raises NotFound."""
        if not 1 <= number <= len(self.draw):
            raise NotFound()
        return self.draw[number - 1]


def mine(db: Session, attempt_id: uuid.UUID) -> tuple[Mine, Target]:
    """The same for scripts: plain values, because the verb that follows reads anew under its lock."""
    row = db.connection().execute(_MINE, {"attempt_id": attempt_id}).one_or_none()
    if row is None:
        raise NotFound()
    return Mine(*row[:4]), Target(owner=row[4])


_A, _E = Attempt.__table__, Enrolment.__table__
_MINE = (
    sa.select(_A.c.id, _A.c.course_version_id, _A.c.draw, _A.c.seed, _E.c.person_id)
    .join_from(_A, _E, _E.c.id == _A.c.enrolment_id)
    .where(_A.c.id == sa.bindparam("attempt_id"))
)


# ---- before the test -------------------------------------------------------------------------------------------------


@bp.get("/learn/<uuid:enrolment_id>/tests/<quiz>")
@guarded("attempt.start", my_enrolment)
def test(enrolment: Enrolment, quiz: str) -> ResponseReturnValue:
    """What the test is, how long, how often; one button."""
    content = course_content(g.db, enrolment.run.course_version_id)
    plan = content.quiz(quiz)
    if plan is None:
        raise NotFound()
    attempts = [attempt for attempt in queries.attempts_of(g.db, enrolment.id) if attempt.quiz == quiz]
    running = next((attempt for attempt in attempts if attempt.state == "open"), None)
    refused, waits = None, False
    grants = retests.grants_of(g.db, enrolment.id, quiz)
    allowed = plan.attempts and plan.attempts + len(grants)
    again = retests.before_next(g.db, content, plan, attempts, grants, read_at=_read_at(content, enrolment.id), now=clock.now())
    if running is None:
        try:
            rules.may_start(
                enrolled=enrolment.state == "enrolled", run_state=enrolment.run.state, allowed=allowed, taken=len(attempts),
                room_waits=plan.supervised and queries.room_waits(g.db, enrolment.id, quiz), again=again,
            )
            if plan.supervised and (seat_id := seat_here()):
                queries.refuse_somebodys_seat(g.db, enrolment, seat_id)
        except WaitForRoom as error:
            refused, waits = error.message, True
        except Conflict as error:
            refused = error.message
    return render_template(
        "quizzes/test.html", enrolment=enrolment, content=content, plan=plan, attempts=attempts, open=running, refused=refused, waits=waits,
        title=content.say(plan.title, i18n.language()), course=content.say(content.title, i18n.language()),
        left=max(0, allowed - len(attempts)) if plan.attempts else None, allowed=allowed, zone=enrolment.run.zone,
        again=again, counts=COUNTS[content.completion.counts], read_first=[
            (lesson, lesson.texts[content.language_of(lesson.texts, i18n.language())].title)
            for lesson in content.lessons if lesson.id in again.read_first
        ],
        pass_mark=content.completion.pass_mark if plan.kind in ("post-test", "exam") else None,
    )


def _read_at(content: CourseContent, enrolment_id: uuid.UUID) -> dict[str, datetime] | None:
    """When each lesson was last read to its end, where the course asks for that before a retest."""
    rule = content.completion.retest
    return reading.finished(g.db, enrolment_id) if rule and rule.remedial else None


@bp.post("/learn/<uuid:enrolment_id>/tests/<quiz>")
@guarded("attempt.start", my_enrolment)
def start(enrolment: Enrolment, quiz: str) -> ResponseReturnValue:
    """Begin, or go on with what is open."""
    for fault in exam_faults(current_app.config, current_app.extensions["sabaq.database"]):
        raise NodeUnfit(fault)
    content = course_content(g.db, enrolment.run.course_version_id)
    plan = content.quiz(quiz)
    if plan is not None and plan.kind != "practice" and (wrong_date := date_fault(current_app.config, current_app.extensions["sabaq.database"])):
        raise NodeUnfit(wrong_date)
    try:
        attempt = services.start_attempt(
            g.db, enrolment_id=enrolment.id, quiz=quiz, language=request.form.get("language"), now=clock.now(), uptime=clock.uptime(),
            seat_id=seat_here(), read_at=_read_at(content, enrolment.id),
        )
    except (WaitForRoom, SomebodysSeat):
        return go("quizzes.test", enrolment_id=enrolment.id, quiz=quiz)  # which says why, and goes on by itself
    return go("quizzes.practice" if attempt.kind == "practice" else "quizzes.attempt", attempt_id=attempt.id)


# ---- the attempt -----------------------------------------------------------------------------------------------------


@bp.get("/attempts/<uuid:attempt_id>")
@bp.get("/attempts/<uuid:attempt_id>/<int:number>")
@bp.get("/attempts/<uuid:attempt_id>/summary", endpoint="summary", defaults={"number": 0})
@guarded("attempt.answer", my_attempt)
def attempt(sat: Sat, number: int | None = None) -> ResponseReturnValue:
    """The attempt: one document with all its questions, one of them (or the summary, 0) shown.

    With script it is never left until the test is handed in, so that a lost line stops nobody; without, each button
    saves by an ordinary form and comes back here.
    """
    if sat.attempt.state != "open":
        return go("quizzes.result", attempt_id=sat.attempt.id)
    if sat.clock is None:
        raise NotFound()  # begun at another node, which alone may write into it
    if (seat := seat_elsewhere(sat.attempt, sat.clock)) is not None:
        return render_template("quizzes/elsewhere.html", sat=sat, seat=seat, refused=OpenElsewhere(seat).message)
    if sat.over:
        return render_template("quizzes/over.html", sat=sat)
    if number is None:
        number = sat.number_of(sat.clock.at_question)
    elif number:
        sat.id_at(number)
    here = datetime.now(ZoneInfo(i18n.viewer_zone())).utcoffset() or timedelta(0)
    return render_template(
        "quizzes/attempt.html", sat=sat, number_shown=number, helped=any(place.question.images or place.question.type in HELPED for place in sat.places),
        offset_minutes=here // timedelta(minutes=1), locale_tag=str(i18n.locale()).replace("_", "-"),
        clock_shown=clock.now(), paused=queries.pause_of(sat.clock), key_here=waiting_key(sat.attempt.id),
    )


@bp.post("/attempts/<uuid:attempt_id>/<int:number>")
@guarded("attempt.answer", my_attempt)
def answer_by_form(sat: Sat, number: int) -> ResponseReturnValue:
    """Save by an ordinary form, then go where its button says."""
    if sat.attempt.state != "open":
        say_next(HandedIn.message, "warn")
        return go("quizzes.result", attempt_id=sat.attempt.id)
    if sat.over:
        say_next(TooLate.message, "warn")
        return go("quizzes.attempt", attempt_id=sat.attempt.id)
    attempt_id, question_id, place = sat.attempt.id, sat.id_at(number), sat.places[number - 1]
    count, flagged, stored = len(sat.attempt.draw), {one.id for one in sat.places if one.flagged}, place.given
    response = shown.read(place.question, place.order, request.form.items(multi=True), place.name)
    wish = request.form.get(f"sure{number}")
    sure = wish if wish in SURE else None
    revision = _whole(request.form.get("revision"))
    now, uptime, writer = clock.now(), clock.uptime(), new_token()

    # Whoever presses a button of a form works here: it takes the attempt over from any other tab.
    try:
        services.open_attempt(g.db, attempt_id, writer=writer, now=now, uptime=uptime, seat_id=seat_here())
    except OpenElsewhere:
        return go("quizzes.attempt", attempt_id=attempt_id, number=number)  # which says where, and goes on by itself
    changed = (response, sure) != (stored.response, stored.sure) if stored else bool(response or sure)
    if changed:
        body = f"{question_id}\0{revision}\0{sorted(response.items())!r}\0{sure}"
        services.save_answer(
            g.db, attempt_id, question=question_id, response=response, revision=revision + 1, sure=sure,
            key="form-" + hashlib.sha256(body.encode()).hexdigest()[:32], writer=writer, now=now, uptime=uptime,
        )
    wanted = request.form.get("go", "next")
    if wanted == "flag":
        flagged ^= {question_id}
    target = {"next": min(number + 1, count), "previous": max(number - 1, 1)}.get(wanted, number)
    services.beat(
        g.db, attempt_id, writer=writer, now=now, uptime=uptime, at=sat.id_at(target), seen=[question_id], flagged=flagged
    )
    if wanted == "summary" or (wanted == "next" and number == count):
        return go("quizzes.summary", attempt_id=attempt_id)
    return go("quizzes.attempt", attempt_id=attempt_id, number=target)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


@bp.post("/attempts/<uuid:attempt_id>/language")
@guarded("attempt.answer", my_attempt)
def switch_language(sat: Sat) -> ResponseReturnValue:
    """The questions in another language; place, answers and time stay."""
    attempt_id, tag = sat.attempt.id, request.form.get("language", "")
    if tag in sat.content.all_languages:
        services.switch_language(g.db, attempt_id, language=tag)
    number = _whole(request.form.get("number"))
    return go("quizzes.attempt", attempt_id=attempt_id, number=number or None)


# ---- what the script asks for ----------------------------------------------------------------------------------------


@bp.post("/attempts/<uuid:attempt_id>/open")
@guarded("attempt.answer", mine)
def open_for_writing(attempt: Mine) -> ResponseReturnValue:
    """A tab begins to write: its token, the time left, and what is stored."""
    forms.sent(forms.Opening)
    writer = new_token()
    seat_id = seat_here()
    opened = services.open_attempt(g.db, attempt.id, writer=writer, now=clock.now(), uptime=clock.uptime(), seat_id=seat_id)
    return {
        "writer": writer,
        "remaining": opened.remaining_ms,
        "revisions": {attempt.draw.index(question) + 1: revision for question, revision in opened.revisions.items()},
        "clock": _clock_ms(),
        "saved": _time(opened.saved_at),
    }


def waiting_key(attempt_id: uuid.UUID) -> str:
    """What answers waiting in a browser are encrypted with: in the page of the attempt's person alone, and stored nowhere."""
    secret: str = current_app.config["SECRET_KEY"]
    digest = hmac.new(secret.encode(), b"answers waiting in a browser\0" + attempt_id.bytes, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@bp.post("/attempts/<uuid:attempt_id>/answers/<int:number>")
@guarded("attempt.answer", mine, writes_first=True)
def save(attempt: Mine, number: int) -> ResponseReturnValue:
    """Save one answer. 200 only after it is committed: then it is saved."""
    sent = forms.sent(forms.Save)
    question_id = attempt.id_at(number)
    question = course_content(g.db, attempt.version_id).bank[question_id]
    response = shown.read(question, shown.order_of(question, attempt.seed), sent.fields, f"q{number}")
    saved = services.save_answer(
        g.db, attempt.id, question=question_id, response=response, revision=sent.revision, key=sent.key,
        writer=sent.writer, sure=sent.sure, now=clock.now(), uptime=clock.uptime(),
    )
    return {"saved": _time(saved.at), "remaining": saved.remaining_ms, "clock": _clock_ms()}


@bp.post("/attempts/<uuid:attempt_id>/beat")
@guarded("attempt.answer", mine, writes_first=True)
def beat(attempt: Mine) -> ResponseReturnValue:
    """A sign of life every few seconds: keeps place, what was seen and flags; gives the time left."""
    sent = forms.sent(forms.Beat)
    ids = dict(enumerate(attempt.draw, 1))
    alive = services.beat(
        g.db, attempt.id, writer=sent.writer, now=clock.now(), uptime=clock.uptime(), at=ids.get(sent.at, ""),
        seen=[ids[n] for n in sent.seen if n in ids], flagged=[ids[n] for n in sent.flagged if n in ids],
        unsaved=sent.unsaved, left_page=sent.left,
    )
    return {
        "remaining": alive.remaining_ms, "clock": _clock_ms(), "paused": alive.paused, "credit": alive.credit_ms, "hand": alive.hand,
    }


def _time(at: datetime | None) -> str | None:
    return i18n.time_of_day(at, seconds=True) if at else None


def _clock_ms() -> int:
    return round(clock.now().timestamp() * 1000)


# ---- the end ---------------------------------------------------------------------------------------------------------


@bp.post("/attempts/<uuid:attempt_id>/hand-in")
@guarded("attempt.answer", mine)
def hand_in(attempt: Mine) -> ResponseReturnValue:
    """For good. Sent twice, it leads to the same receipt."""
    writer, now, uptime = request.form.get("writer") or None, clock.now(), clock.uptime()
    if writer is None:  # without script: as every button of a form, it takes the attempt over from any other tab
        writer = new_token()
        try:
            services.open_attempt(g.db, attempt.id, writer=writer, now=now, uptime=uptime, seat_id=seat_here())
        except OpenElsewhere:
            return go("quizzes.attempt", attempt_id=attempt.id)
    services.hand_in(g.db, attempt.id, now=now, uptime=uptime, writer=writer)
    return go("quizzes.result", attempt_id=attempt.id)


@dataclass(frozen=True)
class TopicRow:
    """One outcome of the result, in words."""

    name: str
    points: Fraction
    items: int
    repeat: bool
    lessons: list[tuple[Lesson, str]]  # lesson and title


@bp.get("/attempts/<uuid:attempt_id>/result")
@guarded("attempt.result", my_attempt)
def result(sat: Sat) -> ResponseReturnValue:
    """Receipt, score, what to repeat. Right answers only where they are released: in practice."""
    attempt = sat.attempt
    if attempt.state == "open":
        return go("quizzes.attempt", attempt_id=attempt.id)
    marks = sat.marks
    bank = sat.content.bank
    names = {one.id: sat.content.say(one.text, i18n.language()) for one in sat.content.outcomes}
    found = rules.topics(((bank[one].outcome, mark.points) for one, mark in marks.items()), list(names))
    judged = attempt.kind in ("post-test", "exam")
    earlier = _first_test(sat) if judged else None
    gain = rules.gain(earlier.score, attempt.score) if earlier else None
    return render_template(
        "quizzes/result.html",
        sat=sat,
        points=sum((Fraction(mark.points, rules.MILLION) for mark in marks.values()), Fraction(0)),
        share=Fraction(attempt.score or 0, rules.MILLION),
        marked=attempt.score is not None,
        passed=rules.passed(attempt.score, sat.content.completion.pass_mark) if judged and attempt.score is not None else None,
        answered=sum(mark.answered for mark in marks.values()) + sum(one not in marks for one in attempt.draw),
        comments=[(number, marks[one]) for number, one in enumerate(attempt.draw, 1) if one in marks and (marks[one].comment or marks[one].corrected)],
        topics=[TopicRow(names.get(one.outcome, one.outcome), one.points, one.items, one.repeat, _lessons(sat, one)) for one in found],
        pictures=_pictures(list(marks.values())),
        earlier=earlier,
        gain=gain,
        at_centre=current_app.config["ROLE"] == "centre",
        attempts_left=_attempts_left(sat) if judged else None,
        reviewed=attempt.kind == "practice",
    )


def _first_test(sat: Sat) -> Attempt | None:
    """The person's first attempt at the test that this one is parallel to."""
    return next(
        (one for one in _others(sat) if one.quiz == sat.quiz.parallel_to and one.score is not None), None
    )


def _attempts_left(sat: Sat) -> int | None:
    if not sat.quiz.attempts:
        return None
    return max(0, sat.quiz.attempts - sum(one.quiz == sat.attempt.quiz for one in _others(sat)))


def _others(sat: Sat) -> list[Attempt]:
    if "others" not in g:
        g.others = queries.attempts_of(g.db, sat.attempt.enrolment_id)
    found: list[Attempt] = g.others
    return found


def _lessons(sat: Sat, topic: rules.Topic) -> list[tuple[Lesson, str]]:
    if not topic.repeat:
        return []
    return [
        (lesson, lesson.texts[sat.content.language_of(lesson.texts, i18n.language())].title)
        for lesson in sat.content.lessons
        if topic.outcome in lesson.outcomes
    ]


@dataclass(frozen=True)
class Pictures:
    """What picture questions are reported by: percent correct alone would hide false alarms."""

    hits: int
    hides: int
    false_alarms: int
    harmless: int


def _pictures(marks: list[Marked]) -> Pictures | None:
    details = [mark.detail for mark in marks if mark.detail and "hits" in mark.detail]
    if not details:
        return None
    return Pictures(
        hits=sum(one["hits"] for one in details),
        hides=sum(one["hits"] + one["misses"] for one in details),
        false_alarms=sum(one["false_alarms"] for one in details),
        harmless=sum(one["harmless"] for one in details),
    )
