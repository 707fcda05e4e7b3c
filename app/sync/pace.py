"""How much to send at once on a line that may be cut at any moment, and when to try again after it was. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

KIB = 1024
SMALLEST, FIRST, LARGEST = 4 * KIB, 16 * KIB, 1024 * KIB

QUICK = 2.0  # seconds for a piece: the next one may be twice as large
SLOW = 4.0  # the next one is half as large
PIECES_BETWEEN_CUTS = 24  # a cut costs a piece at most: about 2 in 100 bytes are sent twice, 4 at worst

FIRST_WAIT, LONGEST_WAIT = 15.0, 30 * 60.0  # seconds before the next try of an exchange
QUICK_TRIES = 4  # within one exchange without a byte getting through


@dataclass(frozen=True)
class Pace:
    """What this line has shown so far, as far as the size of the next piece goes.

    A piece counts only when it has arrived whole, so a cut costs the piece that was on its way. Pieces grow while the line is
    quick, and never beyond a part of what it carries between two cuts, however quick it is.
    """

    piece: int = FIRST
    """Bytes of the next piece."""
    run: int = 0
    """Bytes carried since the last cut."""
    between: int | None = None
    """Bytes carried between two cuts, newer ones weighing more; None while there was no cut."""

    def carried(self, size: int, seconds: float) -> Pace:
        """A piece arrived after so many seconds."""
        run = self.run + size
        piece = self.piece
        if seconds < QUICK and size >= piece:  # what was left of a file says nothing about larger pieces
            piece *= 2
        elif seconds > SLOW:
            piece = size // 2
        return replace(self, run=run, piece=_within(piece, self._most(run)))

    def cut(self) -> Pace:
        """The line was cut under a piece."""
        between = self.run if self.between is None else (3 * self.between + self.run) // 4
        return Pace(piece=_within(self.piece, between // PIECES_BETWEEN_CUTS), run=0, between=between)

    def _most(self, run: int) -> int:
        if self.between is None:
            return max(FIRST, run // 2)  # a line that nobody knows yet is not trusted with more than it has shown
        return max(self.between, run) // PIECES_BETWEEN_CUTS

    @property
    def rides_along(self) -> int:
        """How large a bundle may be that travels inside the first request: where it is lost with a cut, it must be small."""
        return 256 * KIB if self.between is None else self.piece


def _within(piece: int, most: int) -> int:
    return max(SMALLEST, min(piece, most, LARGEST))


def wait(tries: int, chance: Random) -> float:
    """Seconds before the next exchange after so many failed ones: longer each time, and never all class servers at once."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 20))
    return longest * (0.5 + chance.random() / 2)
