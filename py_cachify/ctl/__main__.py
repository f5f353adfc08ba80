"""Run ``pool-ctl`` as ``python -m py_cachify.ctl``."""

import sys

from py_cachify.ctl.cli import main


sys.exit(main())
