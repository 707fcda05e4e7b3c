"""What a trainee sees of his courses: home, the course, the pages of a lesson, its handout."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session, joinedload

from app import clock, i18n
from app.certificates.models import Certificate
from app.courses import markdown, rules
from app.courses.content import CourseContent, Practical, Quiz
from app.courses.models import CourseVersion
from app.courses.queries import course_content, course_contents
from app.courses.rules import LessonState, Next, QuizState, Step
from app.courses.views import lesson_page
from app.courses.views.blueprint import bp
from app.courses.views.lesson_page import ShownLesson
from app.db import MICRO
from app.errors import NotFound, say
from app.feedback import queries as feedback
from app.http import go, guarded, me, say_next, wants_json
from app.offices.models import Office
from app.policy import Target
from app.progress import reading
from app.progress.queries import stands
from app.progress.reading import Reading
from app.progress.results import COUNTS
from app.progress.rules import in_words
from app.quizzes.models import Attempt
from app.quizzes.practicals import queries as practical_queries
from app.quizzes.practicals import rules as practical_rules
from app.quizzes.practicals.queries import Held, Works
from app.quizzes.practicals.rules import SHAPES as PRACTICAL_SHAPES
from app.quizzes.practicals.rules import State
from app.quizzes.queries import attempts_granted
from app.quizzes.rules import counting
from app.runs.models import CourseRun, Enrolment
from app.schedule import queries as meetings

# ---- where a trainee stands ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """One enrolment with its course: how far, and what is next."""

    enrolment: Enrolment
    content: CourseContent
    readings: dict[str, Reading]
    attempts: list[Attempt]
    certificate: Certificate | None = None
    works: Mapping[str, Held] = field(default_factory=dict)
    granted: Mapping[str, int] = field(default_factory=dict)

    @property
    def run(self) -> CourseRun:
        """The run it is an enrolment in."""
        return self.enrolment.run

    @property
    def opened(self) -> bool:
        """Whether the run has begun: before, there is nothing to read or take."""
        return self.run.state in ("open", "closed")

    @cached_property
    def wanted(self) -> str:
        """The language in which the course is read."""
        return lesson_page.wanted_language(self.content, self.enrolment.language)

    @property
    def title(self) -> str:
        """The course's title."""
        return self.content.say(self.content.title, self.wanted)

    @cached_property
    def lessons(self) -> list[LessonState]:
        """How far he is in each lesson."""
        return lesson_states(self.content, self.readings)

    @cached_property
    def quizzes(self) -> list[QuizState]:
        """How far he is with each test."""
        return [self._quiz(quiz) for quiz in self.content.quizzes]

    def _quiz(self, quiz: Quiz) -> QuizState:
        mine = [attempt for attempt in self.attempts if attempt.quiz == quiz.id]
        ended = [attempt.score for attempt in mine if attempt.state != "open"]
        place = counting(ended, self.content.completion.counts if quiz.kind in ("post-test", "exam") else "best")
        result = None if place is None else ended[place]
        return QuizState(
            quiz.id,
            quiz.kind,
            quiz.attempts and quiz.attempts + self.granted.get(quiz.id, 0),
            ended=len(ended),
            open=any(attempt.state == "open" for attempt in mine),
            best=result,
            passed=result is not None and result * 100 >= self.content.completion.pass_mark * MICRO,
            being_marked=None in ended,
        )

    @cached_property
    def practicals(self) -> list[tuple[Practical, practical_rules.Standing]]:
        """Where he stands with each practical."""
        stands = practical_queries.standings(self.content, self.works)
        return [(one, stands[one.id]) for one in self.content.practicals]

    def practical_title(self, practical: str) -> str:
        """A practical's title in his language."""
        found = self.content.practical(practical)
        return self.content.say(found.title, self.wanted) if found else practical

    @cached_property
    def step(self) -> Step:
        """The one thing to do next."""
        waiting = [
            one.id for one, stand in self.practicals
            if self.content.completion.practicals == "all" and practical_rules.asks_for_work(one) and stand.state in (State.TO_DO, State.WAITS_FOR_VALUES)
        ]
        return rules.next_step(self.lessons, self.quizzes, waiting)

    @property
    def share(self) -> Fraction:
        """How much has been read."""
        return rules.share_read(self.lessons)

    @property
    def lessons_done(self) -> int:
        """How many lessons are finished."""
        return sum(lesson.done for lesson in self.lessons)

    @property
    def all_read(self) -> bool:
        """Whether the final test may follow: every lesson is finished, or the course does not ask for that."""
        return self.content.completion.lessons == "none" or self.lessons_done == len(self.lessons)

    @property
    def active_at(self) -> datetime | None:
        """When he last read on or began a test."""
        moments = [one.visited_at for one in self.readings.values()] + [one.started_at for one in self.attempts]
        return max(moments, default=None)

    @property
    def visited_at(self) -> datetime | None:
        """When he last went on."""
        return max((one.visited_at for one in self.readings.values()), default=None)

    @property
    def passed(self) -> bool:
        """Whether a final test is passed."""
        return self.step.what is Next.PASSED

    @property
    def address(self) -> str:
        """Where *Continue* leads."""
        if self.step.what is Next.LESSON:
            return url_for("courses.page", enrolment_id=self.enrolment.id, lesson=self.step.lesson, page=self.step.page)
        if self.step.what is Next.PRACTICAL:
            return url_for("quizzes.practical", enrolment_id=self.enrolment.id, practical=self.step.practical)
        if self.step.what in (Next.OPEN_TEST, Next.BEING_MARKED, Next.PRE_TEST, Next.TEST, Next.PASSED):
            return quiz_address(self.enrolment.id, self.step.quiz)
        return url_for("courses.course", enrolment_id=self.enrolment.id)

    def shown(self, lesson: str) -> ShownLesson:
        """A lesson in his language. Raises NotFound."""
        found = self.content.lesson(lesson)
        if found is None:
            raise NotFound()
        return ShownLesson(self.content, found, self.wanted)

    def quiz_title(self, quiz: str) -> str:
        """A test's title in his language."""
        found = self.content.quiz(quiz)
        return self.content.say(found.title, self.wanted) if found else quiz


def lesson_states(content: CourseContent, readings: dict[str, Reading]) -> list[LessonState]:
    """The rule's facts about each lesson, in the order of teaching."""
    states = []
    for lesson in content.lessons:
        pages = len(markdown.pages(lesson.texts[content.original].body))
        been = readings.get(lesson.id)
        if been:
            states.append(LessonState(lesson.id, pages, been.read, been.page, been.visited_at.timestamp()))
        else:
            states.append(LessonState(lesson.id, pages))
    return states


def quiz_address(enrolment_id: uuid.UUID, quiz: str) -> str:
    """Where a test begins, goes on or shows its result."""
    return url_for("quizzes.test", enrolment_id=enrolment_id, quiz=quiz)


# Statements are made once: putting one together costs more than running it.
_ATTEMPTS = (
    sa.select(Attempt).where(Attempt.enrolment_id.in_(sa.bindparam("ids", expanding=True))).order_by(Attempt.quiz, Attempt.number)
)
_ENROLMENT = (
    sa.select(Enrolment)
    .where(Enrolment.id == sa.bindparam("id"), Enrolment.state == "enrolled")
    .options(joinedload(Enrolment.run))
)
_MINE = (
    sa.select(Enrolment, Certificate)
    .join(CourseRun, CourseRun.id == Enrolment.run_id)
    .outerjoin(Certificate, sa.and_(Certificate.enrolment_id == Enrolment.id, Certificate.state == "issued"))
    .where(Enrolment.person_id == sa.bindparam("person_id"), Enrolment.state == "enrolled", CourseRun.state != "cancelled")
    .options(joinedload(Enrolment.run))
    .order_by(CourseRun.starts_on.desc(), CourseRun.code)
)


def _attempts(db: Session, enrolment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Attempt]]:
    found: dict[uuid.UUID, list[Attempt]] = {}
    for attempt in db.scalars(_ATTEMPTS, {"ids": list(enrolment_ids)}):
        found.setdefault(attempt.enrolment_id, []).append(attempt)
    return found


def _extras(
    db: Session, ids: list[uuid.UUID], contents: Iterable[CourseContent]
) -> tuple[Works, dict[uuid.UUID, dict[str, int]]]:
    """Practical work and attempts granted, asked for only where a course has either."""
    asked = list(contents)
    works = practical_queries.held_of(db, ids) if any(one.practicals for one in asked) else {}
    granted = attempts_granted(db, ids) if any(quiz.attempts for one in asked for quiz in one.quizzes) else {}
    return works, granted


def my_enrolment(db: Session, enrolment_id: uuid.UUID) -> tuple[Enrolment, Target]:
    """An enrolment of the address; the policy then asks whose it is."""
    enrolment = db.scalar(_ENROLMENT, {"id": enrolment_id})
    if enrolment is None:
        raise NotFound()
    return enrolment, Target(path=None, owner=enrolment.person_id)


# ---- home ------------------------------------------------------------------------------------------------------------


@bp.get("/learn")
@guarded("page.home")
def home() -> ResponseReturnValue:
    """A trainee's start page: one button that goes on where he stopped."""
    rows = g.db.execute(_MINE, {"person_id": me().person_id}).all()
    if not rows:
        office = g.db.get(Office, me().office_id) if me().office_id else None
        return render_template("courses/home_empty.html", office=office)
    ids = [enrolment.id for enrolment, _ in rows]
    contents = course_contents(g.db, {enrolment.run.course_version_id for enrolment, _ in rows})
    read, taken = reading.readings(g.db, ids), _attempts(g.db, ids)
    works, granted = _extras(g.db, ids, contents.values())
    standings = [
        Standing(one, contents[one.run.course_version_id], read.get(one.id, {}), taken.get(one.id, []), certificate, works.get(one.id, {}), granted.get(one.id, {}))
        for one, certificate in rows
    ]
    return render_template("courses/home.html", standings=standings, main=_main(standings), feedback=_wants_feedback(standings), Next=Next)


def _wants_feedback(standings: list[Standing]) -> list[Standing]:
    """The courses that are on their last day, or were read to the end, and of which he has not said yet how they were."""
    near = [one for one in standings if one.opened and one.run.state == "open" and (one.all_read or one.run.ends_on <= _today(one.run))]
    given = feedback.given_by(g.db, [one.enrolment.id for one in near]) if near else set()
    return [one for one in near if one.enrolment.id not in given]


def _today(run: CourseRun) -> date:
    return clock.now().astimezone(ZoneInfo(run.zone)).date()


def _main(standings: list[Standing]) -> Standing | None:
    """The course of the main button: an open run, one that still has something to do before one that is passed."""
    running = [one for one in standings if one.run.state == "open"]
    useful = [one for one in running if one.step.what not in (Next.PASSED, Next.DONE)] or running
    return max(useful, key=_recent, default=None)


def _recent(standing: Standing) -> tuple[bool, float, int]:
    """An open test first, then what he did last, then the run that began first."""
    active = standing.active_at
    testing = standing.step.what is Next.OPEN_TEST
    return testing, active.timestamp() if active else 0, -standing.run.starts_on.toordinal()


# ---- the course ------------------------------------------------------------------------------------------------------


@bp.get("/learn/<uuid:enrolment_id>")
@guarded("course.learn", my_enrolment)
def course(enrolment: Enrolment) -> ResponseReturnValue:
    """The course of an enrolment: modules, lessons and tests with where he stands in each."""
    content = course_content(g.db, enrolment.run.course_version_id)
    works, granted = _extras(g.db, [enrolment.id], [content])
    standing = Standing(
        enrolment, content,
        reading.readings(g.db, [enrolment.id]).get(enrolment.id, {}),
        _attempts(g.db, [enrolment.id]).get(enrolment.id, []),
        works=works.get(enrolment.id, {}), granted=granted.get(enrolment.id, {}),
    )  # fmt: skip
    hours = meetings.minutes_attended(g.db, [enrolment.id]) if content.completion.hours else {}
    progress = stands(
        content, standing.attempts, {lesson: one.done_at is not None for lesson, one in standing.readings.items()}, standing.granted,
        {one.id: stand for one, stand in standing.practicals}, Fraction(hours[enrolment.id].minutes, 60) if enrolment.id in hours else Fraction(0),
    )  # fmt: skip
    return render_template(
        "courses/course.html",
        standing=standing,
        Next=Next,
        states={state.id: state for state in standing.lessons},
        tests={state.id: state for state in standing.quizzes},
        tongues=lesson_page.tongues(content),
        quiz_address=quiz_address,
        shown={lesson.id: standing.shown(lesson.id) for lesson in content.lessons},
        missing=in_words(progress.facts), verdict=progress.verdict, counts=COUNTS[content.completion.counts],
        practical_states=practical_rules.STATES, practical_shapes=PRACTICAL_SHAPES, feedback_given=feedback.has_given(g.db, enrolment.id),
    )


# ---- a page of a lesson ----------------------------------------------------------------------------------------------


def _on_page(enrolment: Enrolment, lesson: str, page: int) -> tuple[Standing, ShownLesson]:
    content = course_content(g.db, enrolment.run.course_version_id)
    standing = Standing(enrolment, content, reading.readings(g.db, [enrolment.id]).get(enrolment.id, {}), [])
    if not standing.opened:
        raise NotFound(say("player", "This course has not begun yet. It opens on the first day of your run."))
    shown = standing.shown(lesson)
    if not 1 <= page <= len(shown.pages):
        raise NotFound()
    return standing, shown


@bp.get("/learn/<uuid:enrolment_id>/<lesson>/<int:page>")
@guarded("course.learn", my_enrolment)
def page(enrolment: Enrolment, lesson: str, page: int) -> ResponseReturnValue:
    """One page of a lesson; with ?print=1 the whole lesson as a handout. Looking changes nothing."""
    standing, shown = _on_page(enrolment, lesson, page)
    common = lesson_page.for_template(standing.content, enrolment.run.course_version_id)
    if request.args.get("print"):
        return render_template("courses/handout.html", shown=shown, version=g.db.get(CourseVersion, enrolment.run.course_version_id), back=request.path, **common)
    states = {state.id: state for state in standing.lessons}
    return render_template(
        "courses/page.html",
        standing=standing,
        shown=shown,
        page=page,
        state=states[lesson],
        checks=lesson_page.checks_given(request.args),
        tongues=lesson_page.tongues(standing.content),
        note=reading.note_of(g.db, enrolment.id, lesson, page),
        followed=meetings.followed(g.db, enrolment.run, clock.now()),
        tasks=[one for one in standing.content.practicals if shown.lesson.kind == "do" and one.outcome in shown.lesson.outcomes],
        **common,
    )


@bp.post("/learn/<uuid:enrolment_id>/<lesson>/<int:page>")
@guarded("course.learn", my_enrolment)
def turn_page(enrolment: Enrolment, lesson: str, page: int) -> ResponseReturnValue:
    """The page's one form: keep the note, then answer a self-check, or note the page as read and go on."""
    _, shown = _on_page(enrolment, lesson, page)
    pages, id = len(shown.pages), enrolment.id
    if "note" in request.form:
        reading.save_note(g.db, enrolment, lesson=lesson, page=page, text=request.form["note"])
    if number := request.form.get("check", ""):
        choice = request.form.get(f"check-{number}", "")
        address = url_for("courses.page", enrolment_id=id, lesson=lesson, page=page, check=number, choice=choice)
        return redirect(f"{address}#check-{number}", code=303)
    if request.form.get("go") != "next":
        saved = i18n.time_of_day(clock.now(), seconds=True)
        return jsonify(saved=saved) if wants_json() else go("courses.page", enrolment_id=id, lesson=lesson, page=page)
    row = reading.read_page(g.db, enrolment, lesson=lesson, page=page, pages=pages, now=clock.now())
    if page < pages:
        return go("courses.page", enrolment_id=id, lesson=lesson, page=page + 1)
    unread = [number for number in range(1, pages + 1) if number not in row.pages_read]
    if unread:
        say_next(say("player", "This lesson has pages that you have not read yet. Here is the first of them."), "warn")
        return go("courses.page", enrolment_id=id, lesson=lesson, page=unread[0])
    say_next(say("player", "Lesson {number} is finished.", number=shown.number))
    return go("courses.course", enrolment_id=id)
