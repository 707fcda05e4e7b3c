"""A question on its way to a trainee and back: his order, one language, and nothing that gives the answer away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.questions.content import Question
from app.questions.kind import Order, Response


def order_of(question: Question, seed: str) -> list[str]:
    """The order in which the attempt with this seed shows the question's options, partners or steps."""
    return question.kind.shuffled(question.content, f"{seed}:{question.id}")


def read(question: Question, order: Order, form: Iterable[tuple[str, str]], name: str) -> Response:
    """The response in a sent form, whose fields for this question begin with `name` and a point.

    `form` is pairs of name and value, as `request.form.items(multi=True)` or an autosave's list give them.
    """
    fields: dict[str, list[str]] = {}
    for key, value in form:
        if key.startswith(f"{name}."):
            fields.setdefault(key.removeprefix(f"{name}."), []).append(value)
    return question.kind.read(question.content, order, fields)


def public(
    question: Question, language: str, order: Order, response: Response | None = None, *, described: bool = False
) -> dict[str, Any]:
    """All that the page of a running attempt may know of a question, his own response in it (SEC-02).

    `described`, for practice, adds the long descriptions of its pictures.

    A question not complete in the language is shown whole in another, which `fallback_language` then names.
    """
    tongue = _language(question, language)
    return question.shown(order, response or {}, lambda text: text[tongue], described=described) | {
        "fallback_language": tongue if tongue != language else None
    }


def review(question: Question, language: str, order: Order, response: Response | None = None) -> dict[str, Any]:
    """The same with what was right, for practice and after release. `waits`: a trainer has still to mark it;
    `compare`: its writer judges it himself, as a practice says (app/quizzes/views/attempt.py)."""
    given = response or {}
    tongue = _language(question, language)

    def say(text: Mapping[str, str]) -> str:
        return text.get(tongue) or next(iter(text.values()))

    return public(question, language, order, given, described=True) | question.kind.review(question.content, order, given, say) | {
        "mark": question.kind.mark(question.content, order, given),
        "answered": question.kind.answered(question.content, given),
        "waits": question.kind.by_hand and question.kind.answered(question.content, given), "compare": False,
        "feedback": say(question.feedback) if question.feedback else "",
    }


def _language(question: Question, wanted: str) -> str:
    complete = question.languages
    return wanted if wanted in complete else complete[0]
