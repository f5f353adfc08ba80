"""Simulated pools agree with queueing theory, and the closed forms with published values."""

import math
import random

import pytest

from simulations import Holding, Poisson, erlang_b, loss_system, mean_interval, parse_holding, replay
from simulations.intervals import student_t


@pytest.mark.parametrize(
    ('servers', 'load', 'share'),
    [(5, 3.0, 0.110054347826), (10, 5.0, 0.018384570337), (30, 25.0, 0.052603172), (1, 1.0, 0.5), (0, 2.0, 1.0)],
)
def test_erlang_b_has_its_known_values(servers: int, load: float, share: float) -> None:
    """The values found in tables, and the two that one knows by heart."""
    assert erlang_b(servers, load) == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize(('servers', 'load'), [(5, 1.657), (9, 4.345), (15, 9.010), (21, 14.036), (49, 39.323)])
def test_erlang_b_meets_the_published_two_percent_table(servers: int, load: float) -> None:
    """At the tabulated loads two in a hundred are refused, to the digits of the table."""
    assert erlang_b(servers, load) == pytest.approx(0.02, abs=2e-5)


@pytest.mark.parametrize('holding', ['exp:1.5', 'const:2', 'uniform:0.5:3', 'lognormal:0.2:0.8'])
@pytest.mark.parametrize('slot_exp', [0.4, 1.0, 2.5, 40.0])
def test_the_mean_that_an_expiry_leaves_is_that_of_many_draws(holding: str, slot_exp: float) -> None:
    """E[min(S, T)] and E[S] in closed form lie in the 99.9 % interval of 40,000 draws."""
    distribution = parse_holding(holding)
    stream = random.Random(11)
    draws = [distribution.draw(stream) for _ in range(40_000)]
    spread = 1e-9

    for closed, values in (
        (distribution.mean(), draws),
        (distribution.mean_until(slot_exp), [min(draw, slot_exp) for draw in draws]),
    ):
        measured = mean_interval(values, 0.999)
        assert measured.low - spread <= closed <= measured.high + spread


@pytest.mark.parametrize(
    ('max_size', 'rate', 'slot_exp', 'refusals', 'overrun'),
    [(5, 6, 0.5, 0.05965, 3.422), (10, 12, 1.0, 0.10324, 3.959)],
)
def test_the_loss_system_has_the_values_found_by_independent_simulation(
    max_size: int, rate: float, slot_exp: float, refusals: float, overrun: float
) -> None:
    """Refusals by Erlang's formula at the load that the expiry leaves, and the bodies beyond their slots."""
    theory = loss_system(rate, parse_holding('exp:1'), max_size, slot_exp)

    assert theory.refusal_share == pytest.approx(refusals, abs=5e-6)
    assert theory.overrun_mean == pytest.approx(overrun, abs=5e-4)


@pytest.mark.parametrize(
    ('max_size', 'rate', 'holding', 'slot_exp'),
    [
        (5, 3.0, 'exp:1', None),
        (5, 3.0, 'const:1', None),
        (5, 3.0, 'lognormal:-0.5:1', None),
        (5, 6.0, 'exp:1', 0.5),
        (3, 2.0, 'uniform:0:2', 0.75),
    ],
)
def test_a_simulated_pool_refuses_as_erlang_says(
    max_size: int, rate: float, holding: str, slot_exp: float | None
) -> None:
    """Refusal share, occupancy and overrun of 12 replications lie around theory, within 99.9 % intervals."""
    distribution: Holding = parse_holding(holding)
    runs = [
        replay(Poisson(rate, distribution, jobs=3000, seed=seed), max_size=max_size, slot_exp=slot_exp).figures
        for seed in range(12)
    ]
    theory = loss_system(rate, distribution, max_size, slot_exp)

    assert theory.refusal_share in mean_interval([run.refusal_share for run in runs], 0.999)
    # Each run begins and ends empty, which takes about two holding times of some thousand seconds off the mean.
    assert theory.occupancy_mean in mean_interval([run.occupancy_mean * _whole(run.last) for run in runs], 0.999)
    if slot_exp is not None:
        assert theory.overrun_mean in mean_interval([run.overrun_mean * _whole(run.last) for run in runs], 0.999)


def _whole(seconds: float) -> float:
    return seconds / (seconds - 2)


@pytest.mark.parametrize(('freedom', 'quantile'), [(4, 4.604), (11, 3.106), (29, 2.756), (1000, 2.581)])
def test_students_t_has_its_tabulated_values(freedom: int, quantile: float) -> None:
    """The two-sided 99 % point, from the usual table."""
    assert student_t(0.995, freedom) == pytest.approx(quantile, rel=4e-3)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 2,000 intervals at 90 %, about 1,800 hold the true mean."""
    stream = random.Random(5)
    covered = sum(0.0 in mean_interval([stream.gauss(0, 3) for _ in range(8)], 0.9) for _ in range(2000))

    assert abs(covered / 2000 - 0.9) < 4 * math.sqrt(0.09 / 2000)
