"""``python -m tests.benchmarks.harness``."""

import sys

from tests.benchmarks.harness.command import main


if __name__ == '__main__':
    sys.exit(main())
