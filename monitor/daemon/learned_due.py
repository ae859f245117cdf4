"""When what was learned is kept: as often as pays, since checkpoints carry the news in between."""

from __future__ import annotations

import math

#: What the forest learns from is large and changes slowly; a crash costs it this much of a sample.
_MOST_SECONDS = 300.0


class LearnedDue:
    """What was learned is large, the news since are small but are in every checkpoint, and grow.

    Once checkpoints have written as much of news as what was learned takes, that is kept, and news begin
    anew. Less than twice the least possible is written so (to rent or to buy skis), and at a campus of any
    size what waits in memory stays below what was learned.
    """

    def __init__(self, now: float) -> None:
        self._kept = now
        self._learned_bytes: float = math.inf  # not known before it was written once
        self._news_bytes = 0

    def wrote_news(self, news_bytes: int) -> None:
        """A checkpoint has so much of news."""
        self._news_bytes += news_bytes

    def due(self, now: float) -> bool:
        """Whether it is time, by the monotonic clock in seconds."""
        return now - self._kept >= _MOST_SECONDS or self._news_bytes >= self._learned_bytes

    def kept(self, now: float, learned_bytes: int) -> None:
        """It was written; learned_bytes: 0 where the disk refused."""
        self._kept, self._news_bytes = now, 0
        self._learned_bytes = learned_bytes or math.inf

    def at_once(self) -> None:
        """What is known changed as a whole: it is due."""
        self._kept = -math.inf
