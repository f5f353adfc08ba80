"""Which holders crash alone, and when: the same ones in every kind of run of one seed."""

import random


class Crashes:
    """Draws for one job after the other.

    Args:
        seed: of the run; crashes have a stream of their own.
        probability: the share of holders that crash, from 0 to 1.
    """

    def __init__(self, seed: int, probability: float) -> None:
        self._stream = random.Random(f'{seed} crashes')
        self._probability = probability

    def draw(self) -> float | None:
        """For the next job: after which share of its life it crashes, or ``None``."""
        if not self._probability:
            return None
        # Always two draws, so that another probability crashes the same jobs, and more or fewer.
        draw, share = self._stream.random(), self._stream.random()
        return share if draw < self._probability else None
