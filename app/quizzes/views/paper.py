"""Paper tests of a run: made in variants, printed with answer sheets and key, keyed in once or twice, taken over."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import segno
from flask import current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import Session

from app import clock, files, i18n, lists, pdf
from app.courses import media as stored
from app.courses.content import CourseContent, Quiz
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.http import go, guarded, me, say_next, status_of
from app.policy import Target
from app.questions import keying, shown
from app.questions.kind import Response
from app.quizzes import paper, rules
from app.quizzes.models import PaperTest
from app.quizzes.paper import FIRST, SECOND, SETTLED, Sheet
from app.quizzes.views.blueprint import bp
from app.quizzes.views.sight import Taught, taught
from app.runs.queries import Member
from app.runs.views.sight import days_of, title_of, where_of
from app.schedule.rules import person_code

MOST_CROSSES = 7
HINTS: Mapping[str, Message] = {
    "hotspot": say("paper", "Cells, for example D3; 0: nothing suspicious"),
    "comparison": say("paper", "1: the same, 2: differs"),
    "ordering": say("paper", "The number of each step, in the order of the booklet"),
}
STYLES = ("print.css", "print-tests.css")
ACTION = "paper.test"


# ---- what stands on the paper ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaperSet:
    """The variants of a test that are printed together: one set for the test, one for each retest."""

    quiz: Quiz
    tests: list[PaperTest]
    nth: int

    @property
    def letters(self) -> str:
        """A–D."""
        return "".join(one.variant for one in self.tests)

    def of(self, member: Member) -> PaperTest:
        """The variant that somebody gets."""
        return self.tests[rules.variant(len(self.tests), member.number)]

    def code_of(self, member: Member) -> str:
        """What stands on his answer sheet, in words and as a square: P7K3Q-A-B4."""
        return f"{self.of(member).code}-{person_code(member.number)}"


def _sets(seen: Taught) -> list[PaperSet]:
    tests = paper.tests_of(g.db, seen.run.id)
    found = []
    for quiz in seen.content.quizzes:
        for nth, letters in enumerate(rules.PAPER_SETS, 1):
            of_set = [one for one in tests if one.quiz == quiz.id and one.variant in letters]
            if of_set:
                found.append(PaperSet(quiz, of_set, nth))
    return found


@dataclass(frozen=True)
class Asked:
    """A question of a paper."""

    test: PaperTest
    content: CourseContent
    number: int
    id: str

    @cached_property
    def order(self) -> list[str]:
        """Its options as this variant shows them."""
        return paper.order_in(self.content, self.test, self.id)

    @cached_property
    def slots(self) -> list[keying.Slot]:
        """What there is to fill in and to key."""
        return keying.slots(self.content.bank[self.id], self.order)

    @property
    def hint(self) -> Message | None:
        """How an answer is written where letters do not say it."""
        kind = self.content.bank[self.id].type
        if kind == "hotspot" and keying.NOTHING not in self.slots[0].keys:
            return say("paper", "Cells, for example D3")
        return HINTS.get(kind)

    def crosses(self, slot: keying.Slot) -> list[str]:
        """The letters to cross on the sheet; none where there would be too many, then one is written into a box."""
        letters = [key for key in slot.keys if not key.isdigit()] or (list(slot.keys) if self.content.bank[self.id].type == "comparison" else [])
        return letters if len(letters) <= MOST_CROSSES and all(len(one) == 1 for one in letters) else []

    @property
    def text(self) -> str:
        """What it asks, in the language of the page."""
        return self.content.say(self.content.bank[self.id].text, i18n.language())

    def shown(self, language: str) -> dict[str, Any]:
        """As the booklet shows it."""
        return shown.public(self.content.bank[self.id], language, self.order)

    def keyed(self, response: Response) -> dict[str, str]:
        """A response as it is keyed."""
        return keying.keyed(self.content.bank[self.id], self.order, response)

    @property
    def right(self) -> dict[str, str]:
        """The key."""
        question = self.content.bank[self.id]
        return {} if question.kind.by_hand else self.keyed(question.kind.right_answer(question.content, self.order))

    def name(self, slot: keying.Slot) -> str:
        """Of the field in the form of the entry."""
        return f"{self.number}.{slot.name}"


def _asked(content: CourseContent, test: PaperTest) -> list[Asked]:
    return [Asked(test, content, number, id) for number, id in enumerate(test.draw, 1)]


def _pictures(content: CourseContent) -> Callable[[str], str]:
    """Pictures written into the paper itself, since a paper fetches nothing."""
    folder = Path(current_app.config["FOLDER"]) / stored.FOLDER

    def address(file: str) -> str:
        picture = content.pictures.get(file)
        data = files.kept(folder, picture.sha256) if picture else None
        if data is None:
            raise Conflict(say("paper", "The picture {file} of this course is missing on this server. Load the course again.", file=file))
        return f"data:{stored.mime_of(file)};base64,{base64.b64encode(data).decode()}"

    return address


def square(text: str) -> str:
    """A square code as a picture written into the paper."""
    return segno.make(text, error="m", micro=False).png_data_uri(scale=1, border=4)


# ---- the page of a run -----------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/paper")
@guarded(ACTION, taught(ACTION))
def paper_tests(seen: Taught) -> ResponseReturnValue:
    """The paper tests of a run: made, printed, and how far their sheets are keyed in."""
    return _page(seen)


def _page(seen: Taught, error: Message | None = None, typed: str = "") -> str:
    sets = _sets(seen)
    sheets = paper.sheets_of(g.db, [one.id for found in sets for one in found.tests])
    return render_template(
        "quizzes/paper/tests.html", seen=seen, run=seen.run, title=title_of(seen.run), days=days_of(seen.run), sets=sets, sheets=sheets, error=error,
        typed=typed, may_make=[
            (quiz, seen.say(quiz.title), sum(one.quiz.id == quiz.id for one in sets))
            for quiz in seen.content.quizzes if quiz.supervised and seen.run.state in ("planned", "open")
        ], most=len(rules.PAPER_SETS[0]), sets_most=len(rules.PAPER_SETS), progress_of=progress_of,
    )


@dataclass(frozen=True)
class Keyed:
    """How far the sheets of a set are."""

    once: int = 0
    twice: int = 0
    different: int = 0
    taken: int = 0


def progress_of(found: PaperSet, sheets: Mapping[tuple[uuid.UUID, uuid.UUID], Sheet]) -> Keyed:
    """How many sheets of a set are keyed in once, twice, differently, and taken over."""
    here = [sheet for (test, _), sheet in sheets.items() if test in {one.id for one in found.tests}]
    return Keyed(
        once=sum(FIRST in one.entries for one in here), twice=sum(SECOND in one.entries for one in here),
        different=sum(bool(one.differences) for one in here), taken=sum(one.attempt is not None for one in here),
    )


@bp.post("/runs/<code>/paper")
@guarded(ACTION, taught(ACTION))
def make_paper(seen: Taught) -> ResponseReturnValue:
    """Draw a set of variants for a test."""
    quiz, wish = request.form.get("quiz", ""), request.form.get("variants", "")
    try:
        if seen.content.quiz(quiz) is None or wish not in {str(n) for n in range(1, len(rules.PAPER_SETS[0]) + 1)}:
            raise Invalid(say("paper", "Choose a test and how many variants it shall have."))
        made = paper.make_set(g.db, seen.run, quiz=quiz, variants=int(wish), by=me().person_id, now=clock.now())
    except (Conflict, Invalid) as refused:
        g.db.rollback()
        return _page(taught(ACTION)(g.db, seen.run.code)[0], refused.message), status_of(refused)
    say_next(say("paper", "Made: variants {letters}. Print the booklets, the answer sheets and the key.", letters=", ".join(one.variant for one in made)))
    return go("quizzes.paper_tests", code=seen.run.code)


# ---- printing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Printable:
    """A set of a run, to be printed."""

    seen: Taught
    found: PaperSet


def the_set(db: Session, code: str, quiz: str, nth: int) -> tuple[Printable, Target]:
    """A set of paper tests of the address."""
    seen, target = taught(ACTION)(db, code)
    found = next((one for one in _sets(seen) if (one.quiz.id, one.nth) == (quiz, nth)), None)
    if found is None:
        raise NotFound()
    return Printable(seen, found), target


@bp.get("/runs/<code>/paper/<quiz>/<int:nth>/booklets.pdf")
@guarded(ACTION, the_set)
def booklets(wish: Printable) -> ResponseReturnValue:
    """The questions of each variant, in each language that somebody of the run is tested in. Nothing is written into them."""
    seen, found = wish.seen, wish.found
    content = seen.content
    languages = [tag for tag in content.all_languages if tag in {one.language for one in seen.members}] or [content.original]
    pictures = _pictures(content)
    body = []
    for test in found.tests:
        for language in languages:
            with i18n.speaking(language):
                questions = [
                    (one, Markup(render_template(f"questions/print/{q['type']}.html", q=q, name=f"q{one.number}", media=pictures)), q)  # noqa: S704  (made by our templates)
                    for one in _asked(content, test) for q in [one.shown(language)]
                ]
                body.append(render_template("quizzes/paper/booklet.html", **_head(wish, test), language=language, questions=questions))
    data = pdf.write("".join(body), language=languages[0], title=_title(wish), styles=STYLES)
    return lists.attachment(data, f"{seen.run.code}-{found.quiz.id}-{found.letters}.pdf", rows=len(body), inline=True)


@bp.get("/runs/<code>/paper/<quiz>/<int:nth>/answer-sheets.pdf")
@guarded(ACTION, the_set)
def answer_sheets(wish: Printable) -> ResponseReturnValue:
    """An answer sheet for each person of the run, with his name, his variant and a square code."""
    seen, found = wish.seen, wish.found
    if not seen.members:
        raise Invalid(say("paper", "Nobody is enrolled in {code}: there is nobody to print an answer sheet for.", code=seen.run.code))
    body = []
    for member in seen.members:
        test = found.of(member)
        with i18n.speaking(member.language):
            code = found.code_of(member)
            body.append(render_template(
                "quizzes/paper/answer_sheet.html", **_head(wish, test), member=member, sheet_code=code, square=square(code),
                asked=_asked(seen.content, test),
            ))
    data = pdf.write("".join(body), language=seen.members[0].language, title=_title(wish), styles=STYLES)
    return lists.attachment(data, f"{seen.run.code}-{found.quiz.id}-answer-sheets.pdf", rows=len(body), inline=True)


@bp.get("/runs/<code>/paper/<quiz>/<int:nth>/key.pdf")
@guarded(ACTION, the_set)
def answer_key(wish: Printable) -> ResponseReturnValue:
    """The key to each variant: for the staff alone."""
    body = [
        render_template("quizzes/paper/key.html", **_head(wish, test), asked=_asked(wish.seen.content, test)) for test in wish.found.tests
    ]
    data = pdf.write("".join(body), language=i18n.language(), title=_title(wish), styles=STYLES)
    return lists.attachment(data, f"{wish.seen.run.code}-{wish.found.quiz.id}-key.pdf", rows=len(body), inline=True)


def _head(wish: Printable, test: PaperTest) -> dict[str, Any]:
    seen = wish.seen
    return {
        "run": seen.run, "course": seen.say(seen.content.title), "quiz": seen.say(wish.found.quiz.title), "minutes": wish.found.quiz.minutes, "test": test,
        "days": days_of(seen.run), "where": where_of(seen.run), "now": clock.now(), "by": me().name,
    }


def _title(wish: Printable) -> str:
    return f"{wish.seen.say(wish.found.quiz.title)}, {wish.seen.run.code}"


# ---- keying in -------------------------------------------------------------------------------------------------------


@bp.post("/runs/<code>/paper/sheet")
@guarded(ACTION, taught(ACTION))
def find_sheet(seen: Taught) -> ResponseReturnValue:
    """Open the sheet whose code was read by a scanner or typed. A sheet of another run is named as such."""
    typed = "".join(request.form.get("sheet", "").upper().split())
    for found in _sets(seen):
        for member in seen.members:
            if found.code_of(member).replace("-", "") == typed.replace("-", ""):  # who types leaves the dashes out
                return go("quizzes.keying", code=seen.run.code, test=found.of(member).code, enrolment_id=member.enrolment_id, entry=request.form.get("entry") or None)
    head = typed.rpartition("-")[0]
    if head in {one.code for found in _sets(seen) for one in found.tests}:
        wrong = say("paper", "{sheet}: nobody of this run has this variant with these last two characters. Look at the code again.", sheet=typed)
    else:
        wrong = say("paper", "{sheet} is no sheet of {run}. Look at the code in the corner: it may belong to another test or run.", sheet=typed or "–", run=seen.run.code)
    return _page(seen, wrong, typed), 422


@dataclass(frozen=True)
class AtHand:
    """One person's answer sheet of a paper test."""

    seen: Taught
    test: PaperTest
    member: Member

    @cached_property
    def asked(self) -> list[Asked]:
        """Its questions."""
        return _asked(self.seen.content, self.test)

    @cached_property
    def found(self) -> PaperSet:
        """The set that its test belongs to."""
        return next(one for one in _sets(self.seen) if self.test.id in {test.id for test in one.tests})

    @cached_property
    def sheet(self) -> Sheet:
        """What is keyed of it."""
        key = (self.test.id, self.member.enrolment_id)
        return paper.sheets_of(g.db, [self.test.id]).get(key, Sheet({}))

    @property
    def values(self) -> dict[str, str]:
        """What fills the address of the sheet."""
        return {"code": self.seen.run.code, "test": self.test.code, "enrolment_id": str(self.member.enrolment_id)}


def the_sheet(db: Session, code: str, test: str, enrolment_id: uuid.UUID) -> tuple[AtHand, Target]:
    """A sheet of the address."""
    seen, target = taught(ACTION)(db, code)
    found = next((one for one in paper.tests_of(db, seen.run.id) if one.code == test), None)
    member = next((one for one in seen.members if one.enrolment_id == enrolment_id), None)
    if found is None or member is None:
        raise NotFound()
    return AtHand(seen, found, member), target


def _which() -> int:
    return SECOND if request.values.get("entry") == str(SECOND) else FIRST


@bp.get("/runs/<code>/paper/<test>/<uuid:enrolment_id>", endpoint="keying")
@guarded(ACTION, the_sheet)
def keying_page(sheet: AtHand) -> ResponseReturnValue:
    """Key a sheet in. The second keying begins empty: who copies from the first finds no mistake."""
    entry = sheet.sheet.entries.get(_which())
    typed = {
        one.name(slot): text
        for one in sheet.asked for keyed in [one.keyed(entry.responses.get(one.id, {})) if entry else {}]
        for slot in one.slots if (text := keyed.get(slot.name, ""))
    }
    return _keying(sheet, typed)


def _keying(sheet: AtHand, typed: Mapping[str, str], faults: Mapping[str, Message] | None = None, error: Message | None = None) -> str:
    quiz = sheet.seen.quiz(sheet.test.quiz)
    return render_template(
        "quizzes/paper/keying.html", hand=sheet, run=sheet.seen.run, quiz=sheet.seen.say(quiz.title), typed=typed, faults=faults or {}, entry=_which(),
        error=error, sheet_code=f"{sheet.test.code}-{person_code(sheet.member.number)}", next=_next_of(sheet),
    )


def _next_of(sheet: AtHand) -> Member | None:
    """Who of the roster comes next whose sheet of this set is not keyed in."""
    found = sheet.found
    sheets = paper.sheets_of(g.db, [one.id for one in found.tests])
    members = sheet.seen.members
    at = next(n for n, one in enumerate(members) if one.enrolment_id == sheet.member.enrolment_id)
    for member in [*members[at + 1 :], *members[:at]]:
        kept = sheets.get((found.of(member).id, member.enrolment_id))
        if kept is None or (_which() not in kept.entries and kept.attempt is None):
            return member
    return None


@bp.post("/runs/<code>/paper/<test>/<uuid:enrolment_id>")
@guarded(ACTION, the_sheet)
def key_sheet(sheet: AtHand) -> ResponseReturnValue:
    """Keep what was keyed, then go where the button says: the next sheet, or take this one over."""
    typed = {name: text[:10_000] for name, text in request.form.items()}
    responses, faults = _responses(sheet.asked, typed)
    if faults:
        return _keying(sheet, typed, faults), 422
    following = _next_of(sheet)
    target = sheet.found.of(following) if following else None
    values, run_code, entry = sheet.values, sheet.seen.run.code, _which()
    following_id, target_code = (following.enrolment_id, target.code) if following and target else (None, "")
    name = sheet.member.name
    try:
        paper.key_in(g.db, sheet.test, enrolment_id=sheet.member.enrolment_id, entry=entry, responses=responses, by=me().person_id, now=clock.now())
    except Conflict as refused:
        g.db.rollback()
        return _keying(the_sheet(g.db, run_code, values["test"], uuid.UUID(values["enrolment_id"]))[0], typed, error=refused.message), status_of(refused)
    if request.form.get("go") == "take":
        return _take(sheet)
    say_next(say("paper", "Kept: {name}.", name=name))
    if request.form.get("go") == "next" and following_id is not None:
        return go("quizzes.keying", code=run_code, test=target_code, enrolment_id=following_id, entry=entry if entry == SECOND else None)
    return go("quizzes.paper_sheet", **values)


def _responses(asked: Iterable[Asked], typed: Mapping[str, str]) -> tuple[dict[str, Response], dict[str, Message]]:
    responses: dict[str, Response] = {}
    faults: dict[str, Message] = {}
    for one in asked:
        given = {slot.name: typed.get(one.name(slot), "") for slot in one.slots}
        response, wrong = keying.read(one.content.bank[one.id], one.order, given)
        if response:
            responses[one.id] = response
        faults |= {f"{one.number}.{name}": message for name, message in wrong.items()}
    return responses, faults


@dataclass(frozen=True)
class Line:
    """One question of a keyed sheet, as the two keyings have it."""

    asked: Asked
    first: dict[str, str]
    second: dict[str, str] | None
    different: bool


@bp.get("/runs/<code>/paper/<test>/<uuid:enrolment_id>/sheet", endpoint="paper_sheet")
@guarded(ACTION, the_sheet)
def keyed_sheet(sheet: AtHand) -> ResponseReturnValue:
    """What is keyed of a sheet; differences of two keyings side by side, to be settled from the paper."""
    return _sheet_page(sheet)


def _sheet_page(sheet: AtHand, faults: Mapping[str, Message] | None = None, error: Message | None = None) -> str:
    entries, different = sheet.sheet.entries, set(sheet.sheet.differences)
    held, second = sheet.sheet.held, entries.get(SECOND)
    rows = [
        Line(
            one, one.keyed(held.responses.get(one.id, {})) if held else {},
            one.keyed(second.responses.get(one.id, {})) if second and SETTLED not in entries else None, one.id in different,
        )
        for one in sheet.asked
    ]
    return render_template(
        "quizzes/paper/sheet.html", hand=sheet, run=sheet.seen.run, quiz=sheet.seen.say(sheet.seen.quiz(sheet.test.quiz).title), lines=rows,
        faults=faults or {}, typed=request.form, error=error, sheet_code=f"{sheet.test.code}-{person_code(sheet.member.number)}",
        settled=SETTLED in entries, mine=entries[FIRST].by_id == me().person_id if FIRST in entries else False,
    )


@bp.post("/runs/<code>/paper/<test>/<uuid:enrolment_id>/settle")
@guarded(ACTION, the_sheet)
def settle_sheet(sheet: AtHand) -> ResponseReturnValue:
    """What the paper says where the two keyings differ."""
    different = set(sheet.sheet.differences)
    responses, faults = _responses([one for one in sheet.asked if one.id in different], request.form)
    if faults:
        return _sheet_page(sheet, faults), 422
    values = sheet.values
    settled = {question: responses.get(question, {}) for question in different}
    paper.settle(g.db, sheet.test, enrolment_id=sheet.member.enrolment_id, responses=settled, by=me().person_id, now=clock.now())
    say_next(say("paper", "The differences are settled."))
    return go("quizzes.paper_sheet", **values)


@bp.post("/runs/<code>/paper/<test>/<uuid:enrolment_id>/take")
@guarded(ACTION, the_sheet)
def take_sheet(sheet: AtHand) -> ResponseReturnValue:
    """Take the sheet over: it counts like a test that was handed in at a PC."""
    return _take(sheet)


def _take(sheet: AtHand) -> ResponseReturnValue:
    values, run_code, name = sheet.values, sheet.seen.run.code, sheet.member.name
    try:
        attempt = paper.take_over(g.db, sheet.test, enrolment_id=sheet.member.enrolment_id, by=me().person_id, now=clock.now())
    except Conflict as refused:
        g.db.rollback()
        again = the_sheet(g.db, run_code, values["test"], uuid.UUID(values["enrolment_id"]))[0]
        return _sheet_page(again, error=refused.message), status_of(refused)
    if attempt.score is None:
        say_next(say("paper", "Taken over: {name}. The result stands when the trainer has marked the free texts.", name=name))
    else:
        say_next(say("paper", "Taken over: {name}, {score}.", name=name, score=i18n.percent(attempt.score / 1_000_000)))
    return go("quizzes.paper_tests", code=run_code)

