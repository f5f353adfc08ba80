"""``python -m tests.benchmarks``."""

import sys

from tests.benchmarks.command import main


if __name__ == '__main__':  # a process of the contended rows imports this file too
    sys.exit(main())
