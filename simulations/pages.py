"""Keep the old name of ``python -m simulations.jupyter.pages``: ``python -m simulations.pages``."""

import sys

from simulations.jupyter.pages import main


if __name__ == '__main__':
    sys.exit(main())
