"""What a test refuses, and the sentence that says why and what to do."""

from __future__ import annotations

from datetime import datetime

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
    message = say("quiz", "All attempts at this test are used. Your trainer can grant one more.")


class NotYet(Conflict):
    message = say("quiz", "This test cannot be taken yet: the course has not been opened. Ask your class manager.")


class WaitForRoom(NotYet):
    """A supervised test that nobody has started for the room."""

    message = say("quiz", "Your class manager starts this test for the room. Stay signed in: it opens here by itself.")


class StillMarked(Conflict):
    message = say("quiz", "Your last attempt is still being marked. The next one opens when its result is there.")


class OpensLater(Conflict):
    """The waiting time between two attempts is not over."""

    def __init__(self, at: datetime) -> None:
        super().__init__(say("quiz", "The next attempt opens at {moment}. Use the time for the lessons on what was missed.", moment=at))


class ReadFirst(Conflict):
    message = say("quiz", "The next attempt opens when the lessons on what was missed are read again to their last page.")


class Over(Conflict):
    message = say("quiz", "This course is closed: its tests can no longer be taken.")


class TooFewQuestions(Conflict):
    message = say("quiz", "The question bank has too few questions for this test. Tell your trainer: the author of the course must add some.")


class NodeUnfit(Conflict):
    """This node cannot be trusted with a test now."""

    def __init__(self, reason: Message) -> None:
        super().__init__(say("quiz", "No test can begin on this server: {reason}. Nothing is lost. Tell your class manager.", reason=reason))


# ---- in the room -----------------------------------------------------------------------------------------------------


class OpenElsewhere(Conflict):
    """A supervised attempt that is open at another seat and has not been released."""

    def __init__(self, seat: str) -> None:
        super().__init__(
            say("quiz", "Your test is open at seat {seat}. Ask the class manager to release it for this PC; your answers are safe.", seat=seat)
        )


class SomebodysSeat(Conflict):
    """The seat plan names another person for this seat."""

    def __init__(self, here: str, own: str) -> None:
        text = (
            say("quiz", "Seat {here} is kept for somebody else. Sit at seat {own}, or ask the class manager to move you here.", here=here, own=own)
            if own
            else say("quiz", "Seat {here} is kept for somebody else. Ask the class manager which seat is yours.", here=here)
        )
        super().__init__(text)


class NoLimit(Conflict):
    message = say("exam", "This test has no time limit: there is nothing to give minutes to.")


class NoneOpen(Conflict):
    message = say("exam", "None of the chosen people has this test open now. Look at the board again: somebody may have handed in meanwhile.")


class NotPaused(Conflict):
    message = say("exam", "None of the chosen tests is paused: their time runs already.")


class PausedAlready(Conflict):
    message = say("exam", "The chosen tests are paused already.")


class NotSupervised(Conflict):
    message = say("exam", "This test needs no invigilator: everybody begins it when he wants.")


class RunNotOpen(Conflict):
    message = say("exam", "This run is not open: its tests cannot be started.")


class SeatBroken(Conflict):
    """A seat that is out of order."""

    def __init__(self, seat: str) -> None:
        super().__init__(say("exam", "Seat {seat} is out of order. Choose another one, or mark it as working first.", seat=seat))


class SeatTaken(Conflict):
    """Somebody works at the seat."""

    def __init__(self, who: str, seat: str) -> None:
        super().__init__(say("exam", "{who} works at seat {seat} now. Choose a free seat.", who=who, seat=seat))


class AtThatSeat(Conflict):
    """He is there already."""

    def __init__(self, who: str, seat: str) -> None:
        super().__init__(say("exam", "{who} sits at seat {seat} already.", who=who, seat=seat))


class NotStarted(Conflict):
    message = say("exam", "This test is not started for the room: there is nothing to end.")
