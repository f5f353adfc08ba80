"""Both listeners, each served to scrapes; a test that takes one runs with each."""

from collections.abc import Iterator

import pytest

from tests.library.metrics.scrapes import KINDS_OF_LISTENER, Scraped, scraped


@pytest.fixture(params=KINDS_OF_LISTENER)
def scrape(request: pytest.FixtureRequest) -> Iterator[Scraped]:
    """A new listener with its defaults."""
    with scraped(request.param) as made:
        yield made
