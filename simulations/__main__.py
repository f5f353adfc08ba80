"""``python -m simulations`` is ``pool-sim``."""

import sys

from simulations.cli import main


sys.exit(main())
