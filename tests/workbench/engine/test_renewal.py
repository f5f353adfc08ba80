"""Holders that renew their slots, in both engines: what they keep, what they lose, and when."""

from typing import Any

import pytest

from py_cachify import MemoryClient, renewals
from simulations import InvariantError, Poisson, Result, Scenario, Trace, replay
from simulations.conditions import Conditions
from simulations.engine.determinism import first_difference
from simulations.engine.replications import replicate
from simulations.faults import Crash, Failover, LoseReplies, LoseRequests, Partition, Pause, Restart, ServerPause, Slow
from simulations.faults.network import Network


NETWORK = Network(latency='exp:0.01', timeout=0.5, retries=1)
BUSY = Scenario(
    title='busy',
    arrivals='poisson:6',
    holding='exp:2',
    max_size=10,
    slot_exp=3.0,
    renew_for=None,
    jobs=300,
    workers=4,
)
ACCIDENTS = (
    Crash(every='exp:15', lasting=2),
    Pause(every='exp:15', lasting='exp:4'),
    LoseRequests(every='exp:15', lasting=5, share=0.4, workers='all'),
    LoseReplies(every='exp:15', lasting=5, share=0.4, workers='all'),
    ServerPause(every='exp:20', lasting=1),
    Slow(every='exp:20', lasting=3, by=0.3),
)


ENGINES = pytest.mark.parametrize('network', [None, Network()], ids=['quick', 'stepwise'])


def one_body(holding: float, **more: Any) -> Result:
    """Return a run of one job in a pool of one slot that lives 3 s."""
    return replay(Trace([(0, holding)]), max_size=1, slot_exp=3.0, **more)


def when(result: Result, what: str) -> list[float]:
    """Return the rounded instants of a kind of event."""
    return [round(event.time, 6) for event in result.history if event.what == what]


# --- what renewal keeps


@ENGINES
def test_a_body_of_ten_lives_keeps_its_slot(network: Network | None, anywhere: str) -> None:
    """Its slot is renewed once in each third of its life, and nobody else gets it."""
    jobs = Trace([(0, 30), *((second + 0.5, 1) for second in range(30))])
    result = replay(jobs, max_size=1, slot_exp=3.0, renew_for=None, network=network, store=anywhere, audit=True)

    assert when(result, 'renewed') == [float(second) for second in range(1, 30)]
    assert (result.figures.renewals, result.figures.refused, result.figures.running_peak) == (29, 30, 1)
    assert (result.figures.expired_while_running, result.figures.lost) == (0, 0)


@ENGINES
def test_without_renewal_nothing_is_renewed_or_lost(network: Network | None) -> None:
    """The slot expires under its body, which nobody tells."""
    result = one_body(30, network=network)

    assert (result.figures.renewals, result.figures.lost) == (0, 0)
    assert when(result, 'expired') == [3.0]


@ENGINES
def test_a_slot_that_is_renewed_for_some_time_is_then_lost(network: Network | None) -> None:
    """The last renewal is within that time; its body runs on, and this is counted."""
    result = one_body(30, renew_for=10, network=network)

    assert when(result, 'renewed')[-1] == 10.0
    assert when(result, 'expired') == when(result, 'lost') == [13.0]
    assert result.figures.lost == 1
    assert result.figures.lost_running == result.figures.lost_running_longest == pytest.approx(17)


@ENGINES
def test_the_slot_of_a_crashed_holder_is_freed_one_life_after_its_last_renewal(network: Network | None) -> None:
    """That is between two thirds of a life and a life after the crash, however long it had run."""
    jobs = Trace([(100 * number, 50) for number in range(40)])
    result = replay(jobs, max_size=1, slot_exp=3.0, renew_for=None, crash_probability=1, network=network)
    crashes, freed, renewed = when(result, 'crashed'), when(result, 'recovered'), when(result, 'renewed')

    assert max(crashed % 100 for crashed in crashes) > 40
    for crashed, end in zip(crashes, freed, strict=True):
        last = max((instant for instant in renewed if instant <= crashed), default=0)
        assert last // 100 != crashed // 100 or end == pytest.approx(last + 3)
        assert 2 - 1e-6 <= end - crashed <= 3
    assert result.figures.lost == 0


@ENGINES
def test_holders_crash_while_they_have_their_slots(network: Network | None) -> None:
    """At any instant within the time for which these are renewed, if that is longer than a life."""
    jobs = Trace([(100 * number, 50) for number in range(40)])
    crashes = [
        instant % 100
        for instant in when(
            replay(jobs, max_size=1, slot_exp=3.0, renew_for=10, crash_probability=1, network=network), 'crashed'
        )
    ]

    assert len(crashes) == 40
    assert min(crashes) < 3
    assert 8 < max(crashes) <= 10


@ENGINES
def test_bodies_shorter_than_a_third_of_a_life_are_not_renewed(network: Network | None) -> None:
    """Renewal costs them nothing: the history is that of a run without it."""
    jobs = Trace([(number, 0.3) for number in range(50)])
    with_it, without = (replay(jobs, max_size=9, slot_exp=1.0, renew_for=each, network=network) for each in (None, 0))

    assert with_it.figures.renewals == 0
    assert with_it.history_hash == without.history_hash


def test_the_slots_of_a_pool_are_renewed_together() -> None:
    """The one that needs it first decides when, so each request renews all slots of its worker."""
    result = replay(Trace([(0, 9), (0.7, 9)]), max_size=2, slot_exp=3.0, renew_for=None, network=Network())

    assert when(result, 'renewed')[:4] == [1.0, 1.0, 2.0, 2.0]


def test_each_worker_renews_its_own_slots() -> None:
    """Two workers renew at instants of their own."""
    result = replay(Trace([(0, 9), (0.7, 9)]), max_size=2, slot_exp=3.0, renew_for=None, workers=2, network=Network())

    assert when(result, 'renewed')[:4] == [1.0, 1.7, 2.0, 2.7]


@ENGINES
def test_the_library_decides_when(network: Network | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it renewed twice in a life instead of three times, the simulation would as well."""
    monkeypatch.setattr(renewals, 'RENEWALS_PER_LIFE', 2)

    assert when(one_body(6, renew_for=None, network=network), 'renewed')[:3] == [1.5, 3.0, 4.5]


# --- every store


@ENGINES
@pytest.mark.parametrize('renew_for', [None, 4.0])
def test_the_history_is_the_same_on_every_store(network: Network | None, renew_for: float | None, socket: str) -> None:
    """Byte for byte, with holders that crash."""
    scenario = BUSY.replace(network=network, renew_for=renew_for, crash_probability=0.05)
    runs = [scenario.replay(store=store, audit=True) for store in ('memory', 'fakeredis', f'unix://{socket}')]

    assert runs[0].figures.renewals > 100
    assert [first_difference(runs[0].history, each.history) for each in runs] == [None, None, None]
    assert len({each.history_hash for each in runs}) == 1


def test_with_accidents_too_the_history_is_the_same_on_every_store(socket: str) -> None:
    """Renewals are late, lost and repeated there, and no promise is broken."""
    scenario = BUSY.replace(network=NETWORK, faults=ACCIDENTS)
    runs = [scenario.replay(store=store, audit=True) for store in ('memory', f'unix://{socket}')]
    answers = {(call.what, call.answer) for call in runs[0].calls}

    assert {('renew', 'renewed'), ('renew', 'unknown')} <= answers
    assert runs[0].figures.lost > 0
    assert runs[0].history_hash == runs[1].history_hash


# --- what renewal cannot keep


def test_a_pause_longer_than_the_life_loses_the_slot() -> None:
    """The renewer stands still with its worker, and the next holder enters beside its job."""
    jobs = Trace([(0, 20), (9, 5)])
    pause = Pause(at=4.5, lasting=10, workers=0)
    result = replay(jobs, max_size=1, slot_exp=3.0, renew_for=None, workers=2, network=Network(), faults=[pause])

    # The last renewal was at 4; the body ends at 20.
    assert when(result, 'renewed')[:4] == [1.0, 2.0, 3.0, 4.0]
    assert when(result, 'lost') == when(result, 'expired') == [7.0]
    assert (result.figures.running_peak, result.figures.occupancy_peak) == (2, 1)
    assert result.figures.lost_running == pytest.approx(13)


def test_a_pause_shorter_than_two_thirds_of_the_life_loses_nothing() -> None:
    """The renewal that was due meanwhile is made as soon as the worker continues."""
    pause = Pause(at=4.5, lasting=1.9, workers=0)
    result = one_body(20, renew_for=None, network=Network(), faults=[pause])

    assert 6.4 in when(result, 'renewed')
    assert result.figures.lost == 0


def test_a_renewal_that_is_lost_is_made_again() -> None:
    """Half of the requests do not arrive for 20 s, and no slot is lost."""
    fault = LoseRequests(at=2, lasting=20, share=0.5, workers='all')
    result = one_body(30, renew_for=None, network=Network(latency=0.01, timeout=0.2), faults=[fault])

    assert 'unknown' in {call.answer for call in result.calls if call.what == 'renew'}
    assert result.figures.lost == 0


def test_a_holder_that_is_cut_off_loses_its_slot_by_its_own_clock() -> None:
    """Its last renewal was sent at 3.02 s: three seconds later it counts its slot as lost."""
    result = one_body(
        30,
        renew_for=None,
        network=Network(latency=0.01, timeout=0.2),
        faults=[Partition(at=3.5, lasting=20, workers=0)],
    )
    [asked] = [call.called for call in result.calls if call.what == 'renew' and 3 < call.called < 3.5]

    assert when(result, 'lost') == [round(asked + 3, 6)]
    assert when(result, 'expired') == [round(asked + 0.01 + 3, 6)]


def test_a_holder_learns_that_its_slot_is_gone_by_a_renewal() -> None:
    """The server forgot it; the next renewal says so, long before the life ends."""
    result = one_body(30, renew_for=None, network=Network(), faults=[Restart(at=4.5, data='lost')])

    assert (when(result, 'vanished'), when(result, 'lost')) == ([4.5], [5.0])
    assert [call.answer for call in result.calls if call.what == 'renew'][-1] == 'too late'
    assert result.judgement is not None
    assert {limit.rule for limit in result.judgement.limits} == {'lost writes'}


def test_a_lost_slot_is_not_renewed_again() -> None:
    """The store is paused for longer than a life, and what it carries out then revives nothing."""
    result = one_body(30, renew_for=None, network=Network(timeout=0.4), faults=[ServerPause(at=4.5, lasting=5)])

    assert when(result, 'lost') == [7.0]
    assert max(when(result, 'renewed')) < 7.0


def test_a_worker_that_dies_renews_nothing_and_its_successor_only_its_own() -> None:
    """Its slot is freed within a life; the worker that takes its place renews its own slots."""
    jobs = Trace([(0, 50), (10, 9)])
    result = replay(
        jobs, max_size=2, slot_exp=3.0, renew_for=None, network=Network(), faults=[Crash(at=4.5, lasting=2)]
    )
    renewed = [(round(event.time, 6), event.job) for event in result.history if event.what == 'renewed']

    assert when(result, 'recovered') == [7.0]
    assert renewed == [(float(t), 0) for t in range(1, 5)] + [(float(t), 1) for t in range(11, 19)]


def test_a_failover_that_loses_a_renewal_shortens_the_life_of_the_slot() -> None:
    """Its holder is dead by then, and the replica has the expiry of an earlier renewal."""
    faults = [Crash(at=7.2, lasting=50, workers=0), Failover(at=7.5, missing=2.0)]
    jobs = Trace([(0, 30), (3.4, 20)])
    result = replay(jobs, max_size=2, slot_exp=3.0, renew_for=None, workers=2, network=Network(), faults=faults)
    renewed = [event.time for event in result.history if event.what == 'renewed' and event.job == 0]

    assert renewed[-1] == 7.0
    assert when(result, 'recovered') == [8.0]


# --- figures, and what is refused


def test_figures_of_renewal_are_shown_only_where_slots_are_renewed() -> None:
    """The report, its JSON and the card of other runs are as they were."""
    names = {'renew_for', 'renewals', 'lost', 'lost_running', 'lost_running_longest'}
    with_it, without = one_body(30, renew_for=10), one_body(30)

    assert names <= with_it.to_json().keys()
    assert not names & without.to_json().keys()
    assert 'lost      ' in str(with_it)
    assert '1 of 1 slot, while their bodies ran; these ran on for 17 s in total, 17 s at most' in str(with_it)
    assert 'renewed for 10 seconds' in str(with_it)
    assert 'renew' not in str(without)
    assert 'lost' not in str(without)
    assert '<td' in with_it._repr_html_() and '>renewals<' in with_it._repr_html_()  # noqa: PT018


def test_figures_of_several_runs_are_added_up() -> None:
    """Counts and times are sums, the longest is the longest."""
    runs: list[Result] = []

    def run(seed: int) -> Result:
        jobs = Poisson(1, 'exp:3', jobs=40, seed=seed)
        runs.append(replay(jobs, max_size=5, slot_exp=1.0, renew_for=2.0))
        return runs[-1]

    together = replicate(run, 3).figures

    assert together.renewals == sum(each.figures.renewals for each in runs)
    assert together.lost == sum(each.figures.lost for each in runs) > 10
    assert together.lost_running == pytest.approx(sum(each.figures.lost_running for each in runs))
    assert together.lost_running_longest == max(each.figures.lost_running_longest for each in runs)


@pytest.mark.parametrize(
    ('given', 'error', 'words'),
    [
        ({'renew_for': None}, ValueError, 'renew_for needs slots that expire, but slot_exp is None'),
        ({'renew_for': 5, 'slot_exp': 3, 'protocol': 'nx'}, ValueError, 'the protocol nx cannot renew a slot'),
        ({'renew_for': -1, 'slot_exp': 3}, ValueError, 'renew_for must be finite and at least 0, got -1'),
        ({'renew_for': 'long', 'slot_exp': 3}, TypeError, 'renew_for'),
    ],
)
def test_a_renewal_that_is_impossible_is_refused(given: dict[str, Any], error: type[Exception], words: str) -> None:
    """The message says what to change."""
    with pytest.raises(error, match=words):
        Conditions(max_size=1, **given)


def test_endless_bodies_that_are_renewed_are_refused() -> None:
    """With an infinite mean, all slots would be taken in the end."""
    with pytest.raises(ValueError, match='set renew_for to a number of seconds'):
        replay(Poisson(1, 'pareto:1:0.9', jobs=9), max_size=1, slot_exp=3, renew_for=None)


# --- the judge


@pytest.mark.parametrize(('there', 'rule'), [(True, 'own release'), (False, 'renewal')])
def test_a_store_that_answers_a_renewal_wrongly_is_noticed(
    there: bool, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It claims to have renewed a slot that it lets expire, or that one is gone that is there."""

    def renew_slots(_: MemoryClient, _key: str, asked: tuple[Any, ...]) -> tuple[bool, ...]:
        return tuple(there for _ in asked)

    monkeypatch.setattr(MemoryClient, 'renew_slots', renew_slots)
    with pytest.raises(InvariantError) as quick:
        one_body(30, renew_for=None)
    with pytest.raises(InvariantError) as stepwise:
        one_body(30, renew_for=None, network=Network())

    assert (quick.value.violation.rule, stepwise.value.violation.rule) == (rule, rule)
