"""``python -m simulations.pages`` is ``python -m simulations.jupyter.pages``."""

import sys

from simulations.jupyter.pages import main


if __name__ == '__main__':
    sys.exit(main())
