"""Accidents in live runs: killed workers, a dead server, a bad network; and broken pools."""

from pathlib import Path

import pytest

from simulations import Scenario
from simulations.faults import Fault, FlushScripts, LoseReplies, LoseRequests, Partition, Pause, ServerPause, Slow
from simulations.faults.network import Network
from simulations.live import LiveResult, live
from tests import soak
from tests.support.broken_scripts import BREAK


pytestmark = pytest.mark.usefixtures('running_server')


def lived(*faults: Fault, seconds: float = 1.8, **fields: object) -> LiveResult:
    """Run a short scenario with these accidents."""
    defaults: dict[str, object] = {
        'arrivals': 'poisson:150',
        'holding': 'exp:0.04',
        'max_size': 6,
        'slot_exp': 1.0,
        'workers': 2,
        'horizon': seconds,
        'faults': faults,
    }
    return live(Scenario(**(defaults | fields)), threads=10, compare=False)  # type: ignore[arg-type]


def test_the_slots_of_killed_holders_are_back_when_they_expire() -> None:
    """No look counted a slot that had expired, and killed workers were replaced."""
    result = live(soak.kills(seconds=2.0).scenario, compare=False)
    measured = result.measured

    assert result.violations == []
    assert measured.killed_holding > 2
    assert measured.lives > 4
    assert len(measured.recoveries.took) > 2
    assert measured.leaked == 0
    assert result.figures.crashed >= measured.killed_holding
    assert 'seconds from the death' in result.plot_recovery().get_xlabel()


def test_a_server_that_restarts_costs_errors_that_are_announced_and_nothing_else() -> None:
    """With its data and without: every worker continues, and at the end nothing is left."""
    result = live(soak.restarts(2, between=0.8).scenario, compare=False)
    measured = result.measured

    assert result.violations == []
    assert measured.accidents == {'restart with data kept': 1, 'restart with data lost': 1}
    assert set(measured.errors) <= {'ConnectionError', 'TimeoutError', 'BusyLoadingError'}
    assert measured.killed == measured.leaked == 0
    assert measured.lives == 4
    failed = [call.called for call in result.calls if call.what == 'acquire' and call.answer in ('failed', 'unknown')]
    assert max(call.called for call in result.calls if call.answer == 'granted') > min(failed)


def test_a_long_pause_comes_to_in_the_world_what_it_comes_to_in_virtual_time() -> None:
    """More bodies run than there are slots; the store counts no more; both pauses are drawn."""
    result = live(Scenario.load('long-pause'), threads=12, speed=20)
    words = [text.get_text().strip() for text in result.plot_occupancy().texts]

    assert result.violations == []
    assert [(each.kind, each.workers, round(each.first, -1)) for each in result.episodes] == [
        ('pause', (0,), 30.0),
        ('pause', (0,), 80.0),
    ]
    assert words == ['pause of worker 0'] * 2
    assert result.simulated is not None
    assert result.simulated.figures.running_peak == 6
    assert result.measured.bodies_peak > result.max_size
    assert result.measured.sampled_peak <= result.max_size


def test_an_accident_after_the_end_of_the_run_is_said_never_to_have_happened() -> None:
    """The one before it happened."""
    result = lived(Pause(at=(0.3, 1e6), lasting=0.1, workers=(0,)), seconds=0.8)
    [missed] = result.missed

    assert (missed.kind, missed.at) == ('pause', 1e6)
    # The run ends when its last job ends, which may be a moment before its 0.8 s are over.
    assert 0.4 < missed.over < 1e6
    assert result.measured.accidents == {'pause': 1}
    assert '1 x pause never happened: it was to start at 1e+06 s, after the end of the run at' in str(result)


def test_a_worker_that_stands_still_breaks_nothing() -> None:
    """Its slots expire under its bodies in the meantime, which it learns when it continues."""
    result = lived(Pause(at=0.5, lasting=0.8, workers=(0,)), slot_exp=0.3)

    assert result.violations == []
    assert result.measured.accidents == {'pause': 1}
    assert result.figures.expired_while_running > 0


def test_a_network_that_loses_what_passes_breaks_nothing() -> None:
    """Clients give up at their time-out, slots they may have taken expire, others continue."""
    result = lived(
        Partition(at=0.3, lasting=0.4, workers=(1,)),
        LoseReplies(at=0.8, lasting=0.5, share=0.2, workers='all'),
        LoseRequests(at=1.4, lasting=0.5, share=0.2, workers='all'),
        network=Network(timeout=0.2),
    )

    assert result.violations == []
    assert set(result.measured.errors) == {'TimeoutError'}
    assert result.measured.accidents == {'partition': 1, 'lose replies': 1, 'lose requests': 1}
    assert result.measured.leaked == 0


def test_a_server_that_pauses_forgets_its_scripts_and_is_far_away_breaks_nothing() -> None:
    """Requests wait, scripts are sent again, and each request takes longer."""
    result = lived(
        ServerPause(at=0.3, lasting=0.3), FlushScripts(at=(0.8, 1.0)), Slow(at=1.2, lasting=0.5, by=0.05, workers='all')
    )

    assert result.violations == []
    assert result.measured.accidents == {'server pause': 1, 'flush scripts': 2, 'slow': 1}
    assert result.measured.errors == {}


@pytest.mark.parametrize(
    ('old', 'new', 'rules'),
    [
        (b'taken >= tonumber(ARGV[2])', b'taken >= tonumber(ARGV[2]) + 1', {'grants', 'occupancy', 'bodies'}),
        (b"redis.call('ZREM', KEYS[1], ARGV[1])", b'', {'honest refusal'}),
        (b'request + in_time * DECISION', b'request', {'own release'}),
        (b"redis.call('PEXPIREAT', KEYS[1], math.ceil(expiry * 1000))", b"redis.call('PERSIST', KEYS[1])", {'at rest'}),
    ],
    ids=[
        'one too many',
        'a release that leaks',
        'a release that lies',
        'a key that stays',
    ],
)
def test_a_broken_library_is_found_out(
    old: bytes, new: bytes, rules: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the answers to its workers, by the server's own count, and by the count of bodies."""
    (tmp_path / 'sitecustomize.py').write_text(BREAK.format(old=old, new=new))
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    result = lived(seconds=1.0, slot_exp=30.0 if 'own release' in rules else 2.0)

    assert rules <= {violation.rule for violation in result.violations}
