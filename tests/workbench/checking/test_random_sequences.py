"""Random calls are repeatable, and a wrong reply is shown by the fewest calls."""

import asyncio
import re
from typing import Any

import pytest

from simulations.checking.random_sequences import LENGTH, random_requests, wrong_order
from simulations.checking.sequences import Names
from tests.support.stores import DictClient


def test_equal_seeds_give_equal_requests() -> None:
    assert random_requests(4) == random_requests(4)
    assert random_requests(4) != random_requests(5)
    assert len(random_requests(4)) == LENGTH
    assert {request.method for request in random_requests(4)} == {'get', 'set', 'delete'}


class DeletesNothing(DictClient):
    def delete(self, *names: str) -> None:
        pass


class IgnoresNx(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, ex)


class DeletesAll(DictClient):
    def delete(self, *names: str) -> None:
        self.values.clear()


class ForgetsTheThirdName(DictClient):
    """It has room for two names."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        done = super().set(name, value, ex, nx)
        while len(self.values) > 2:
            del self.values[next(iter(self.values))]
        return done


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize(
    ('client', 'most'), [(DeletesNothing, 3), (IgnoresNx, 2), (DeletesAll, 3), (ForgetsTheThirdName, 5)]
)
def test_a_mistake_is_shown_by_few_calls(client: type[Any], most: int, seed: int) -> None:
    """None of them can be left out."""
    found = asyncio.run(wrong_order(client(), random_requests(seed), Names('check:')))

    assert found is not None
    calls, why = found
    assert len(calls) <= most
    assert 'the contract wants' in why
    requests = [call.request._replace(names=tuple(map(end_of, call.request.names))) for call in calls]
    for place in range(len(requests)):
        without = requests[:place] + requests[place + 1 :]
        assert asyncio.run(wrong_order(client(), without, Names('check:'))) is None


def end_of(name: str) -> str:
    return re.sub(r'^check:order-\d+', '', name)


def test_a_right_client_gives_only_right_replies() -> None:
    assert asyncio.run(wrong_order(DictClient(), random_requests(1), Names('check:'))) is None
