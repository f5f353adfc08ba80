"""Decide which holders crash on their own, and when: the same in every kind of run of one seed."""

import random


class Crashes:
    """Draws the crash of one job after another.

    Args:
        seed: the seed of the run; crashes have their own random stream.
        probability: the share of holders that crash, from 0 to 1.
    """

    def __init__(self, seed: int, probability: float) -> None:
        self._stream = random.Random(f'{seed} crashes')
        self._probability = probability

    def draw(self) -> float | None:
        """Return the share of its life after which the next job crashes, or ``None``."""
        if not self._probability:
            return None
        # Always two draws, so that a higher probability crashes the same jobs and some more.
        draw, share = self._stream.random(), self._stream.random()
        return share if draw < self._probability else None
