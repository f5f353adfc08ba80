"""Faults are values that are checked, read and written, each with its own random stream."""

import dataclasses
import itertools
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations import Retry, Scenario
from simulations.faults import (
    KINDS,
    Crash,
    Failover,
    Fault,
    FlushScripts,
    LoseMessages,
    LoseReplies,
    LoseRequests,
    Partition,
    Pause,
    Restart,
    ServerClock,
    ServerPause,
    Slow,
    WorkerClock,
    fault_from,
    parse_fault,
    table_of,
)
from simulations.faults.network import Network


pytestmark = pytest.mark.quick


SECONDS = st.floats(0.001, 1e6)
WHEN = st.one_of(
    st.fixed_dictionaries({'at': SECONDS | st.lists(SECONDS, min_size=1, max_size=3, unique=True).map(tuple)}),
    st.fixed_dictionaries({'every': st.sampled_from(['exp:60', 'const:5', 'uniform:1:2'])}),
)
LASTING = st.fixed_dictionaries({'lasting': st.floats(0.001, 1) | st.sampled_from(['exp:0.3', 'uniform:0.1:0.2'])})
WHOM = st.fixed_dictionaries(
    {'workers': st.sampled_from(['one', 'all']) | st.sets(st.integers(0, 9), min_size=1).map(tuple)}
)
SHARE = st.fixed_dictionaries({'share': st.floats(0.001, 1)})
BY = st.fixed_dictionaries({'by': SECONDS})
OWN: dict[type[Fault], list[Any]] = {
    Crash: [WHOM],
    Pause: [WHOM],
    Slow: [WHOM, BY],
    LoseRequests: [WHOM, SHARE],
    LoseReplies: [WHOM, SHARE],
    LoseMessages: [WHOM, SHARE],
    Partition: [WHOM],
    WorkerClock: [WHOM, BY],
    ServerClock: [BY],
    ServerPause: [],
    Restart: [st.fixed_dictionaries({'data': st.sampled_from(['kept', 'lost'])})],
    Failover: [st.fixed_dictionaries({'missing': SECONDS})],
    FlushScripts: [],
}


def made(kind: type[Fault]) -> st.SearchStrategy[Fault]:
    """Any fault of a kind."""
    return st.tuples(WHEN, LASTING, *OWN[kind]).map(
        lambda parts: kind(**dict(itertools.chain(*(p.items() for p in parts))))
    )


def anything(value: object) -> Any:
    """A value that the type checker would refuse."""
    return value


FAULTS = st.sampled_from(list(OWN)).flatmap(made)


def test_every_kind_is_made_here() -> None:
    """This ensures that the tests below cover every kind."""
    assert set(OWN) == set(KINDS.values())


@given(FAULTS)
def test_a_fault_is_read_again_as_it_was_written(fault: Fault) -> None:
    """This holds for the table of a file and the text of an option."""
    assert fault_from(table_of(fault)) == fault
    assert parse_fault(str(fault)) == fault


@given(st.lists(FAULTS, max_size=4))
def test_a_scenario_keeps_its_faults_in_its_file(faults: list[Fault]) -> None:
    """The file also has the workers and the network."""
    scenario = Scenario(
        title='x',
        arrivals='poisson:1',
        holding='exp:1',
        max_size=1,
        jobs=1,
        workers=10,
        network=Network(latency='exp:0.1', retries=2),
        protocol='nx',
        faults=faults,
    )

    assert Scenario.from_toml(scenario.to_toml()) == scenario


def test_the_instants_of_a_fault_are_chosen_or_drawn() -> None:
    """Drawn instants go on without end, and equal streams yield equal instants."""
    assert list(Pause(at=(5, 2.5), lasting=1).instants(Random(1))) == [2.5, 5.0]
    one, other = (list(itertools.islice(Pause(every='exp:10', lasting=1).instants(Random(1)), 50)) for _ in range(2))
    assert one == other
    assert 300 < one[-1] < 700
    assert one == sorted(one)


def test_whom_it_befalls_is_chosen_or_drawn() -> None:
    """A fault hits one worker, all of them, or those that were named."""
    assert Crash(at=1, workers='all').whom(3, Random(1)) == (0, 1, 2)
    assert Crash(at=1, workers=(2, 0)).whom(3, Random(1)) == (0, 2)
    assert {Crash(at=1).whom(3, Random(seed)) for seed in range(50)} == {(0,), (1,), (2,)}


def test_only_what_is_drawn_is_random() -> None:
    """Only then does the seed matter."""
    for fault in (
        Pause(at=1, lasting=2, workers='all'),
        Restart(every='const:5'),
        LoseReplies(at=1, lasting=1, workers=0),
    ):
        assert not fault.random
    for fault in (
        Pause(at=1, lasting=2),
        Pause(at=1, lasting='exp:2', workers='all'),
        Restart(every='exp:5'),
        LoseReplies(at=1, lasting=1, workers='all', share=0.5),
    ):
        assert fault.random


@pytest.mark.parametrize(
    ('make', 'complaint'),
    [
        (lambda: Crash(), 'crash: give exactly one of at'),
        (lambda: Crash(at=1, every='exp:1'), 'crash: give exactly one of at'),
        (lambda: Crash(at=-1), 'at must be finite and at least 0, got -1'),
        (lambda: Crash(at=()), 'at must name an instant'),
        (lambda: Crash(every='const:0'), 'every must be a millisecond or more on average, got const:0'),
        (lambda: Crash(every='exp'), "'exp'"),
        (
            lambda: Pause(every='const:2', lasting=3),
            'lasting must be shorter than every on average, .* got lasting const:3 and every const:2',
        ),
        (lambda: Pause(at=1, lasting=1e300), 'lasting must be at most 3153600000 s, a hundred years, got 1e.300'),
        (lambda: Crash(at=1e300), 'at must be at most'),
        (lambda: ServerClock(at=1, by=-1e300), 'by must be at most'),
        (lambda: parse_fault('pause at=1 at=2 lasting=1'), "fault 'pause at=1 at=2 lasting=1': at is given twice"),
        (lambda: Pause(at=1), 'pause: lasting must be more than 0 seconds'),
        (lambda: Pause(at=1, lasting=-1), 'lasting must be finite and at least 0, got -1'),
        (lambda: Crash(at=1, workers=anything('two')), "workers must be 'one', 'all' or numbers from 0, got 'two'"),
        (lambda: Crash(at=1, workers=()), 'workers must name at least one worker'),
        (lambda: Crash(at=1, workers=(-1,)), 'workers must be at least 0, got -1'),
        (lambda: LoseReplies(at=1, lasting=1, share=0), 'share must be finite and more than 0, got 0'),
        (lambda: LoseReplies(at=1, lasting=1, share=2), 'share must be between 0 and 1, got 2'),
        (lambda: Slow(at=1, lasting=1, by=0), 'by must be finite and more than 0, got 0'),
        (lambda: ServerClock(at=1), 'by must be finite and not 0, got 0'),
        (lambda: Restart(at=1, data='half'), "data must be 'kept' or 'lost', got 'half'"),
        (lambda: Failover(at=1, missing=-1), 'missing must be finite and at least 0, got -1'),
        (lambda: Network(latency=-1), 'latency must be finite and at least 0, got -1'),
        (lambda: Network(timeout=0), 'timeout must be finite and more than 0, got 0'),
        (lambda: Network(retries=-1), 'retries must be at least 0, got -1'),
        (lambda: parse_fault('crush at=1'), "fault 'crush at=1': write KIND name=value"),
        (lambda: parse_fault('crash at=x'), "at must be a number, not 'x'"),
        (lambda: parse_fault('crash att=1'), "a crash has no field 'att': the nearest is 'at'"),
        (lambda: fault_from({'kind': 'crush'}), "kind must be one of crash, pause, .*, got 'crush'"),
        (lambda: fault_from('crash'), "a fault must be a table, .*, not 'crash'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(make: Any, complaint: str) -> None:
    """The error names the value and says what to write."""
    with pytest.raises((TypeError, ValueError), match=complaint):
        make()


@pytest.mark.parametrize(
    ('changes', 'complaint'),
    [
        ({'workers': 0}, 'workers must be at least 1, got 0'),
        (
            {'faults': [Crash(at=1, workers=(0, 3))]},
            'crash: there is no worker 3: with workers=2 the highest number is 1',
        ),
        ({'faults': ['crash']}, "faults must come from simulations.faults, .*, not 'crash'"),
        ({'network': 0.1}, r'network must be a Network\(...\), not 0.1'),
        ({'faults': [Crash(at=1)], 'slot_exp': None, 'on_refusal': Retry('exp:1')}, 'jobs would retry forever'),
        ({'protocol': 'redis'}, "protocol must be one of nx, .*, got 'redis'"),
        ({'protocol': 'counter'}, "protocol must be one of nx, .*, got 'counter'"),
        ({'protocol': 'check-then-add', 'slot_exp': None}, 'the protocol check-then-add needs slot_exp'),
    ],
)
def test_a_scenario_refuses_faults_that_cannot_befall_it(changes: dict[str, Any], complaint: str) -> None:
    """The scenario is checked when it is created."""
    scenario = Scenario(title='x', arrivals='poisson:1', holding='exp:1', max_size=1, slot_exp=5.0, jobs=1, workers=2)

    with pytest.raises((TypeError, ValueError), match=complaint):
        dataclasses.replace(scenario, **changes)
