"""The pytest plugin, which a project asks for: a fixture ``cachify_pools``.

In the ``conftest.py`` next to the configuration of pytest::

    pytest_plugins = ['py_cachify.testing.plugin']

The wheel does not register it by itself: then every run of pytest in that environment would import
the library before the first test, and before a coverage tool that comes with it.
"""

from collections.abc import Iterator

import pytest

from py_cachify.testing.pools import Pools, pools_for_tests


@pytest.fixture
def cachify_pools() -> Iterator[Pools]:
    """Pools in memory for this test, and what a test does to them: see ``py_cachify.testing``."""
    with pools_for_tests() as pools:
        yield pools
