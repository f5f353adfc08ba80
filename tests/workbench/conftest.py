"""What the tests of several parts of the workbench share."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    """Close what a test has drawn, because Matplotlib warns of many open figures."""
    yield
    if (pyplot := sys.modules.get('matplotlib.pyplot')) is not None:
        pyplot.close('all')


@pytest.fixture(params=['memory', 'fakeredis', 'valkey'])
def anywhere(request: pytest.FixtureRequest) -> Any:
    """Every store of the harness; the server is the session's."""
    if request.param == 'valkey':
        return f'unix://{request.getfixturevalue("socket")}'
    return request.param
