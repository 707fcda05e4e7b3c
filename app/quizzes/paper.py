"""Verbs of paper tests: drawing them in variants, keying answer sheets in once or twice, settling differences, taking them over."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent
from app.courses.queries import course_content
from app.db import take_write_lock
from app.errors import Conflict, NotFound, say
from app.ids import new_token, readable_code
from app.questions import shown
from app.questions.kind import Response, mixed
from app.quizzes import queries, rules, services
from app.quizzes.models import Answer, Attempt, PaperTest, SheetEntry
from app.quizzes.retests import queries as retests
from app.runs.models import CourseRun, Enrolment

FIRST, SECOND, SETTLED = 1, 2, 3
"""Whose keying an entry is: the first clerk's, the second's, or what both settled on from the paper."""


class AnotherTest(Conflict):
    message = say("paper", "This answer sheet belongs to another test. Look at the code in its corner.")


class NoSetLeft(Conflict):
    message = say("paper", "Three sets of this test are printed already; there are no letters for another one.")


class KeyedAlready(Conflict):
    message = say("paper", "This sheet was taken over: its result stands. A mark can only be given anew, with a reason.")


class KeyedByYou(Conflict):
    message = say("paper", "You keyed this sheet the first time. Somebody else keys it the second time: the same eyes make the same mistake.")


class NothingKeyed(Conflict):
    message = say("paper", "Nothing of this sheet is keyed yet.")


class KeyedDifferently(Conflict):
    message = say("paper", "The two keyings differ. Settle each difference from the paper first.")


# ---- drawing ---------------------------------------------------------------------------------------------------------


def make_set(db: Session, run: CourseRun, *, quiz: str, variants: int, by: uuid.UUID, now: datetime) -> list[PaperTest]:
    """Draw a test for the paper of a run in 1 to 4 variants: the same questions, each in another order.

    The next set is for a retest and avoids what earlier ones asked. A test that is parallel to another never asks what
    that one asked on paper. Raises NotFound, Over, NotYet (as on the PC), NoSetLeft, TooFewQuestions.
    """
    content = course_content(db, run.course_version_id)
    plan = content.quiz(quiz)
    if plan is None or not 1 <= variants <= len(rules.PAPER_SETS[0]):
        raise NotFound()
    take_write_lock(db)
    rules.may_start(enrolled=True, run_state="open" if run.state == "planned" else run.state, allowed=0, taken=0)
    made = tests_of(db, run.id)
    here = [one for one in made if one.quiz == quiz]
    letters = next((letters for letters in rules.PAPER_SETS if not any(one.variant in letters for one in here)), None)
    if letters is None:
        raise NoSetLeft()
    other = [one for one in made if one.quiz == plan.parallel_to]
    seen = db.scalars(sa.select(Attempt.draw).join(Enrolment, Enrolment.id == Attempt.enrolment_id).where(Enrolment.run_id == run.id))
    draw = rules.draw(
        [(row.outcome, row.items) for row in plan.blueprint],
        [rules.Item(one.id, one.outcome, one.type, one.difficulty) for one in content.bank.values()],
        new_token(128),
        never=[question for one in other for question in one.draw],
        avoid=[question for one in here for question in one.draw] + [question for draw in seen for question in draw],
        like=other[0].draw if other else (),
    )
    code = _free_code(db)
    tests = []
    for letter in letters[:variants]:
        seed = new_token(128)
        test = PaperTest(
            run_id=run.id, quiz=quiz, variant=letter, code=f"{code}-{letter}", course_version_id=run.course_version_id, seed=seed,
            draw=mixed(draw, seed), made_at=now, made_by=by,
        )
        db.add(test)
        tests.append(test)
    db.flush()
    return tests


def _free_code(db: Session) -> str:
    while True:
        code = f"P{readable_code(4)}"
        if db.scalar(sa.select(PaperTest.id).where(PaperTest.code.startswith(code, autoescape=True))) is None:
            return code


def tests_of(db: Session, run_id: uuid.UUID) -> list[PaperTest]:
    """The paper tests of a run, by test and variant. One query."""
    return list(db.scalars(sa.select(PaperTest).where(PaperTest.run_id == run_id).order_by(PaperTest.quiz, PaperTest.variant)))


# ---- keying in -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """One person's answer sheet as far as it is keyed in."""

    entries: Mapping[int, SheetEntry]
    """The newest entry of each keying."""
    attempt: Attempt | None = None
    """What it became."""

    @property
    def held(self) -> SheetEntry | None:
        """The entry that holds: settled, else the first."""
        return self.entries.get(SETTLED) or self.entries.get(FIRST)

    @property
    def differences(self) -> list[str]:
        """The questions that the two keyings answer differently, as long as that is not settled."""
        one, other = self.entries.get(FIRST), self.entries.get(SECOND)
        if one is None or other is None or SETTLED in self.entries:
            return []
        return rules.differences(one.responses, other.responses)


def sheets_of(db: Session, paper_ids: list[uuid.UUID]) -> dict[tuple[uuid.UUID, uuid.UUID], Sheet]:
    """What is keyed in of some paper tests, by test and enrolment. Two queries."""
    entries: dict[tuple[uuid.UUID, uuid.UUID], dict[int, SheetEntry]] = {}
    for row in db.scalars(sa.select(SheetEntry).where(SheetEntry.paper_id.in_(paper_ids)).order_by(SheetEntry.revision)):
        entries.setdefault((row.paper_id, row.enrolment_id), {})[row.entry] = row
    attempts = {
        (attempt.paper_id, attempt.enrolment_id): attempt
        for attempt in db.scalars(sa.select(Attempt).where(Attempt.paper_id.in_(paper_ids)))
    }
    return {
        (paper, enrolment): Sheet(entries.get((paper, enrolment), {}), attempts.get((paper, enrolment)))
        for paper, enrolment in {*entries, *((paper, enrolment) for paper, enrolment in attempts if paper)}
    }


def key_in(
    db: Session, paper: PaperTest, *, enrolment_id: uuid.UUID, entry: int, responses: Mapping[str, Response], by: uuid.UUID, now: datetime
) -> SheetEntry:
    """Keep a keying of somebody's sheet; keyed again, the later one holds. Questions that the test does not ask are dropped.

    Raises AnotherTest (the person is in another run), KeyedAlready, KeyedByYou (second keying).
    """
    content = course_content(db, paper.course_version_id)
    take_write_lock(db)
    sheet = _sheet(db, paper, enrolment_id)
    first = sheet.entries.get(FIRST)
    if entry == SECOND and first is not None and first.by_id == by:
        raise KeyedByYou()
    row = SheetEntry(
        paper_id=paper.id, enrolment_id=enrolment_id, entry=entry, revision=(sheet.entries[entry].revision + 1 if entry in sheet.entries else 1),
        responses={
            one: response for one in paper.draw
            if (response := content.bank[one].kind.clean(content.bank[one].content, responses.get(one, {})))
        },
        by_id=by, at=now,
    )
    db.add(row)
    db.flush()
    return row


def settle(
    db: Session, paper: PaperTest, *, enrolment_id: uuid.UUID, responses: Mapping[str, Response], by: uuid.UUID, now: datetime
) -> SheetEntry:
    """What stands on the paper, for each question that was keyed differently; the rest is what both keyed.

    Raises NothingKeyed unless it was keyed twice, KeyedAlready.
    """
    take_write_lock(db)
    sheet = _sheet(db, paper, enrolment_id)
    if FIRST not in sheet.entries or SECOND not in sheet.entries:
        raise NothingKeyed()
    both = sheet.entries[FIRST].responses
    return key_in(db, paper, enrolment_id=enrolment_id, entry=SETTLED, responses={**both, **responses}, by=by, now=now)


def take_over(db: Session, paper: PaperTest, *, enrolment_id: uuid.UUID, by: uuid.UUID, now: datetime) -> Attempt:
    """Turn a keyed sheet into an attempt that is handed in and marked by the same rules as on the PC.

    Raises KeyedAlready, NothingKeyed, KeyedDifferently, and what a start on the PC raises (Over, AttemptsUsed …).
    """
    content = course_content(db, paper.course_version_id)
    plan = content.quiz(paper.quiz)
    if plan is None:
        raise NotFound()
    take_write_lock(db)
    sheet = _sheet(db, paper, enrolment_id)
    if sheet.held is None:
        raise NothingKeyed()
    if sheet.differences:
        raise KeyedDifferently()
    enrolment, run_state = db.execute(
        sa.select(Enrolment, CourseRun.state).join(CourseRun, CourseRun.id == Enrolment.run_id).where(Enrolment.id == enrolment_id)
        .with_for_update(of=Enrolment, key_share=True)
    ).one()
    here = [attempt for attempt in queries.attempts_of(db, enrolment_id) if attempt.quiz == paper.quiz]
    grants = retests.grants_of(db, enrolment_id, paper.quiz)
    rules.may_start(
        enrolled=enrolment.state == "enrolled", run_state=run_state, allowed=plan.attempts and plan.attempts + len(grants), taken=len(here)
    )
    attempt = Attempt(
        enrolment_id=enrolment_id, course_version_id=paper.course_version_id, quiz=paper.quiz, kind=plan.kind,
        number=max((one.number for one in here), default=0) + 1,
        language=enrolment.language if enrolment.language in content.all_languages else content.original,
        seed=paper.seed, draw=paper.draw, supervised=plan.supervised, started_at=paper.made_at, channel="paper", paper_id=paper.id,
    )
    db.add(attempt)
    db.flush()
    db.add_all(
        Answer(attempt_id=attempt.id, question=question, revision=1, key=f"paper-{number}", response=response, saved_at=now)
        for number, (question, response) in enumerate(sheet.held.responses.items(), 1)
    )
    db.flush()
    services.freeze(db, attempt, content, state="handed-in", at=now)
    return attempt


def _sheet(db: Session, paper: PaperTest, enrolment_id: uuid.UUID) -> Sheet:
    run_id = db.scalar(sa.select(Enrolment.run_id).where(Enrolment.id == enrolment_id, Enrolment.state == "enrolled").with_for_update(key_share=True))
    if run_id != paper.run_id:
        raise AnotherTest()
    sheet = sheets_of(db, [paper.id]).get((paper.id, enrolment_id), Sheet({}))
    if sheet.attempt is not None:
        raise KeyedAlready()
    return sheet


def order_in(content: CourseContent, paper: PaperTest, question: str) -> list[str]:
    """The order in which a paper shows a question's options."""
    return shown.order_of(content.bank[question], paper.seed)
