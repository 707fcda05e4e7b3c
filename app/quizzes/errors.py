"""What a test refuses, and the sentence that says why and what to do."""

from __future__ import annotations

from app.errors import Conflict, Message, say


class KeyReused(Conflict):
    """The same idempotency key with another body: the browser or somebody's program is wrong."""

    message = say("quiz", "This save was sent twice with different content and was not taken. Reload the page and give the answer again.")


class StaleTab(Conflict):
    """Another tab or PC has taken the attempt over."""

    message = say(
        "quiz", "This test was opened in another tab or on another PC. What you give here is no longer saved: go on there, or take the test over here."
    )


class StaleAnswer(Conflict):
    """A newer answer to the question is stored already."""

    message = say("quiz", "This question was answered elsewhere in the meantime. Open it again, look at the saved answer and change it if you want.")


class HandedIn(Conflict):
    message = say("quiz", "This test has been handed in. Answers can no longer be changed.")


class TooLate(Conflict):
    message = say("quiz", "The time of this test is over. What was saved before counts; this answer came too late.")


class AttemptsUsed(Conflict):
    message = say("quiz", "All attempts at this test are used.")


class NotYet(Conflict):
    message = say("quiz", "This test cannot be taken yet: the course has not been opened. Ask your class manager.")


class Over(Conflict):
    message = say("quiz", "This course is closed: its tests can no longer be taken.")


class TooFewQuestions(Conflict):
    message = say("quiz", "The question bank has too few questions for this test. Tell your trainer: the author of the course must add some.")


class NodeUnfit(Conflict):
    """This node cannot be trusted with a test now."""

    def __init__(self, reason: Message) -> None:
        super().__init__(say("quiz", "No test can begin on this server: {reason}. Nothing is lost. Tell your class manager.", reason=reason))
