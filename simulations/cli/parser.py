"""The parser of ``pool-sim``, and its exit statuses."""

import argparse
from typing import NoReturn


KEPT, BROKEN, IMPOSSIBLE, INTERRUPTED, CUT_OFF = 0, 1, 2, 130, 141


class Parser(argparse.ArgumentParser):
    """Complains in one line, and exits with the status of what cannot be done."""

    def error(self, message: str) -> NoReturn:
        self.exit(IMPOSSIBLE, f'pool-sim: {message}\n')
