"""The argument parser of ``pool-sim``, and its exit statuses."""

import argparse
from typing import NoReturn


KEPT, BROKEN, IMPOSSIBLE, UNDECIDED, INTERRUPTED, CUT_OFF = 0, 1, 2, 3, 130, 141


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(IMPOSSIBLE, f'pool-sim: {message}\n')
