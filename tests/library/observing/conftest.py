"""The stores and sides of the tests of holding, and a listener that remembers what it was told."""

from collections.abc import Iterator

import pytest

from py_cachify import observe
from tests.library.leases.conftest import clients, nothing_is_renewed_afterwards, running_cluster, side, store
from tests.library.observing.heard import Heard


__all__ = ['clients', 'nothing_is_renewed_afterwards', 'running_cluster', 'side', 'store']


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What a listener is told during the test."""
    listener = Heard()
    with observe(listener):
        yield listener
