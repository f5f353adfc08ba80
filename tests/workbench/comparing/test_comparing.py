"""Two designs on the same jobs: the differences, the verdict, the picture, and what is refused."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from simulations import Comparison, Interval, Retry, Scenario, StoppingRule, compare
from simulations.comparing.facts import Difference
from simulations.comparing.figures import FIGURES, label, value_text
from simulations.comparing.plots import comparison_picture
from simulations.engine.replications import seeds
from simulations.measuring.figures import Figures
from simulations.theory import erlang_b


BASE = Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=1500, seed=3)


def compared(a: Scenario = BASE, b: Scenario | None = None, **options: Any) -> Comparison:
    return compare(a, b, workers=1, **options)


@pytest.fixture(scope='module')
def sizes() -> Comparison:
    """Five slots against seven."""
    return compared(BASE, BASE.replace(max_size=7))


def axes() -> Any:
    return Figure(layout='constrained').add_subplot()


def test_the_difference_is_that_of_the_runs_with_the_same_seeds(sizes: Comparison) -> None:
    """Run number i of both has the seed of run number i of the other."""
    numbers = [seed for seed, _ in zip(seeds(3), range(10), strict=False)]
    shares = [[at.replay(seed=n).figures.refusal_share for n in numbers] for at in (BASE, BASE.replace(max_size=7))]
    differences = np.subtract(shares[1], shares[0])
    found = sizes.differences['refusal_share']

    assert found.difference == pytest.approx(differences.mean())
    # 3.249836 is the 99.5 % point of Student's t with 9 degrees of freedom.
    half = 3.249836 * differences.std(ddof=1) / math.sqrt(10)
    assert found.interval[1:] == pytest.approx((differences.mean() - half, differences.mean() + half), rel=1e-6)
    assert (found.a, found.b) == pytest.approx(np.mean(shares, axis=1))


def test_the_interval_holds_the_difference_of_erlangs_formula(sizes: Comparison) -> None:
    assert erlang_b(7, 6) - erlang_b(5, 6) in sizes.differences['refusal_share'].interval


def test_both_designs_have_the_seeds_of_the_first() -> None:
    other = compared(BASE, BASE.replace(max_size=7, seed=99), replications=2)

    assert other.points[0].b.seed == 3
    assert other.points[0].same_jobs
    assert other.seed == 3


def test_pairing_makes_the_interval_narrower(sizes: Comparison) -> None:
    factor = sizes.differences['refusal_share'].without_pairing

    assert factor is not None
    assert factor > 1.3


def test_a_design_compared_with_itself_differs_in_nothing() -> None:
    found = compared(BASE, BASE, replications=2)

    assert all(each.interval == Interval(0, 0, 0) and not each.seen for each in found.differences.values())
    assert found.verdict == 'the share of jobs refused is the same in every pair'
    assert 'B - A' not in str(found)


def test_every_figure_of_a_run_is_compared_or_a_circumstance(sizes: Comparison) -> None:
    """A new figure is compared without being listed here."""
    assert set(Figures._fields) - set(FIGURES) == {'jobs', 'pools', 'first', 'last', 'warm_up', 'drain'}
    assert set(FIGURES) - set(Figures._fields) == {'overrun_share'}
    assert {'refused', 'refusal_share', 'attempts', 'occupancy_mean', 'throughput', 'wait_mean'} <= set(
        sizes.differences
    )


def test_the_verdict_says_which_design_refuses_fewer_and_by_how_much(sizes: Comparison) -> None:
    _, low, high = sizes.differences['refusal_share'].interval

    assert high < 0
    amount = f'{-100 * high:.3g}% to {-100 * low:.3g}%'
    assert sizes.verdict == f'B refuses fewer jobs: {amount} of the jobs fewer (99%)'


def test_the_verdict_says_when_no_difference_can_be_seen() -> None:
    """Another life of slots, which hardly any job lives to see, changes nothing that shows."""
    found = compared(BASE, BASE.replace(slot_exp=7.0), replications=3)

    assert 'no difference can be seen in the share of jobs refused (' in found.verdict
    assert found.verdict.endswith('more pairs would show a smaller one')
    assert not found.differences['refusal_share'].seen


def test_retrying_refuses_fewer_jobs_and_makes_them_wait() -> None:
    larger = BASE.replace(max_size=8)
    found = compared(larger, larger.replace(on_refusal=Retry('exp:1')))

    assert found.verdict.startswith('B refuses fewer jobs: ')
    assert ', and makes jobs wait longer: ' in found.verdict
    assert ', and refuses more attempts: ' in found.verdict
    assert found.verdict.endswith('more (99% each)')


def test_an_expiry_that_is_too_short_has_an_overrun() -> None:
    """The longer one has fewer bodies beyond their slots, and more refusals."""
    found = compared(vary={'slot_exp': [0.5, 60]}, replications=3)

    assert 'B refuses more jobs: ' in found.verdict
    assert 'has fewer bodies beyond their slots: ' in found.verdict
    assert found.itself
    assert len(found.points) == 1
    assert found.points[0].values == {'slot_exp': 60}


def test_two_pools_of_five_refuse_more_than_one_of_ten() -> None:
    one = BASE.replace(max_size=10, arrivals='poisson:8')
    found = compared(one, one.replace(max_size=5, keys='zipf:2:0'), replications=5)

    assert found.points[0].same_jobs
    assert found.verdict.startswith('B refuses more jobs: ')
    assert erlang_b(5, 4) - erlang_b(10, 8) in found.differences['refusal_share'].interval


def test_json_has_the_difference_and_its_interval_for_each_figure(sizes: Comparison) -> None:
    plain = json.loads(json.dumps(sizes.to_json()))

    assert list(plain) == list(sizes.differences)
    for name, found in plain.items():
        low, high = found['ci']
        assert low <= found['difference'] <= high, name
        assert found['difference'] == pytest.approx(found['b'] - found['a'], abs=1e-12 + 1e-9 * abs(found['a']))


def test_a_scenario_is_compared_with_itself_at_several_values() -> None:
    """A has the first value, and B each of the others; what A did is run once."""
    found = compared(vary={'max_size': [5, 6, 7]}, replications=2)
    alone = compared(BASE, BASE.replace(max_size=7), replications=2)

    assert [point.values for point in found.points] == [{'max_size': 6}, {'max_size': 7}]
    assert {id(point.a) for point in found.points} == {id(found.points[0].a)}
    assert found.points[1].differences == alone.differences
    assert 'the same with max_size 6 or 7' in str(found)
    assert found.to_json()['refused']['max_size'] == [6, 7]
    assert len(found.to_json()['refused']['ci']) == 2


def test_two_designs_are_compared_at_each_value() -> None:
    found = compared(BASE, BASE.replace(max_size=7), vary={'load': [0.01, 1]}, replications=5)
    alone = compared(BASE, BASE.replace(max_size=7), replications=5)

    assert [(point.a.load_factor, point.b.load_factor) for point in found.points] == [(0.01, 0.01), (1, 1)]
    assert found.points[1].differences == alone.differences
    assert found.verdict == (
        'B refuses fewer jobs at load 1 (99%); no difference can be seen in the share of jobs refused at load 0.01'
    )


def test_the_answer_is_the_same_whatever_runs_it(sizes: Comparison) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert str(compare(BASE, BASE.replace(max_size=7), executor=executor)) == str(sizes)


def test_a_rule_makes_pairs_until_the_difference_is_known() -> None:
    """It watches the difference, which needs fewer pairs than the share itself."""
    rule = StoppingRule(half_width=0.006, at_least=10, at_most=100)
    found = compared(BASE, BASE.replace(max_size=7), rule=rule)
    share = found.differences['refusal_share']

    assert share.interval.half_width <= 0.006
    assert found.points[0].pairs % 10 == 0
    assert share.caveats == ()


def test_a_rule_that_is_not_reached_is_a_caveat_of_its_figure() -> None:
    rule = StoppingRule(half_width=1e-9, at_least=2, at_most=4)
    found = compared(BASE, BASE.replace(max_size=7), rule=rule, figure='occupancy_mean')

    four = compared(BASE, BASE.replace(max_size=7), replications=4)
    assert found.points[0].pairs == 4
    assert found.differences['refused'] == four.differences['refused']
    assert any('half-width was not reached' in words for words in found.differences['occupancy_mean'].caveats)
    assert not any('half-width' in words for words in found.differences['refusal_share'].caveats)


def test_the_half_width_of_a_scenario_is_a_rule() -> None:
    found = compared(BASE.replace(half_width=0.5), BASE.replace(max_size=7))

    assert found.points[0].pairs == 10


def test_a_doubt_names_the_design_that_it_is_about() -> None:
    """With 13 slots, hardly a job is refused."""
    found = compared(BASE, BASE.replace(max_size=13), replications=2)

    assert [words for words in found.differences['refusal_share'].caveats if words.startswith('B: ')]
    assert '  ? B: the share of refused jobs rests on only ' in str(found)


def test_designs_with_other_jobs_are_said_to_have_them() -> None:
    found = compared(BASE, BASE.replace(holding='exp:1.5'), replications=2)

    assert not found.points[0].same_jobs
    assert 'A and B have different jobs' in str(found)


@pytest.fixture
def log(tmp_path: Path) -> Scenario:
    """Return a trace that is not random."""
    path = tmp_path / 'log.csv'
    path.write_text('arrival,holding\n' + ''.join(f'{n},{3 + n % 4}\n' for n in range(60)))
    return Scenario(trace=path, trace_options={'arrival': 'arrival', 'holding': 'holding'}, max_size=3)


def test_a_recorded_log_has_an_exact_difference(log: Scenario) -> None:
    """There is one pair, and the interval has no width."""
    found = compared(log, log.replace(max_size=4))
    refused = found.differences['refused']
    runs = [at.replay().figures.refused for at in (log, log.replace(max_size=4))]

    assert found.exact
    assert found.points[0].pairs == 1
    assert refused.interval == Interval(*[runs[1] - runs[0]] * 3)
    assert refused.difference < 0
    assert refused.caveats == ()
    assert 'exact' in str(found)
    assert '(99%)' not in found.verdict
    assert found.to_json()['refused']['ci'] == [refused.difference] * 2


def test_a_recorded_log_is_not_run_several_times(log: Scenario) -> None:
    with pytest.raises(ValueError, match='every run of these traces is the same, so one pair is exact'):
        compared(log, log.replace(max_size=4), replications=5)


def test_a_thinned_log_has_an_interval(log: Scenario) -> None:
    """Both designs of a pair have the same sample."""
    thinned = log.replace(trace_options=dict(log.trace_options) | {'thin': 0.8})
    found = compared(thinned, thinned.replace(max_size=4), replications=4)

    assert not found.exact
    assert found.points[0].same_jobs
    assert found.differences['attempts'].interval == Interval(0, 0, 0)
    assert found.differences['refused'].interval.half_width > 0


@pytest.mark.parametrize(
    ('arguments', 'options', 'error', 'message'),
    [
        ((BASE,), {}, ValueError, 'there is nothing to compare: give a second scenario'),
        ((BASE,), {'vary': {'max_size': [5]}}, ValueError, 'there is nothing to compare'),
        ((BASE, 7), {}, TypeError, 'b must be a scenario, or the name or path of one, not 7'),
        ((BASE, 'nope'), {}, ValueError, "no scenario is called 'nope'"),
        ((BASE, BASE), {'replications': 1}, ValueError, 'replications must be at least 2, got 1'),
        ((BASE, BASE), {'figure': 'nope'}, ValueError, "unknown figure 'nope': choose from"),
        ((BASE, BASE), {'workers': 0}, ValueError, 'workers must be at least 1'),
        ((BASE, BASE), {'vary': {'sizes': [1]}}, ValueError, "'sizes' cannot be varied"),
    ],
)
def test_a_wrong_argument_is_named(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compare(*arguments, **{'workers': 1, **options})


def test_the_picture_has_a_row_for_each_figure_that_occurs(sizes: Comparison) -> None:
    """Their axis is the difference as a share of the larger value, from -1 to 1."""
    ax = sizes.plot(axes())
    rows = [text.get_text() for text in ax.get_yticklabels()]

    assert rows[0] == label('refusal_share')
    assert label('refused') not in rows
    assert label('crashed') not in rows
    found = sizes.differences['refusal_share']
    marks = [line for line in ax.lines if len(np.asarray(line.get_xdata())) == 1]
    assert float(np.asarray(marks[0].get_xdata())[0]) == pytest.approx(found.difference / found.a)
    assert 'B: the same with max_size 7 (A: 5)' in ax.get_title()


def test_a_difference_that_is_not_seen_has_a_hollow_mark() -> None:
    ax = compared(BASE, BASE.replace(slot_exp=7.0), replications=3).plot(axes())
    marks = [line.get_markerfacecolor() for line in ax.lines if len(np.asarray(line.get_xdata())) == 1]

    assert marks[0] == 'white'


def test_a_curve_shows_the_difference_along_the_values() -> None:
    found = compared(vary={'slot_exp': [1, 5, None]}, replications=2)
    ax = found.plot(axes(), 'occupancy_mean')
    [curve] = [line for line in ax.lines if line.get_label() == 'B - A']

    assert [text.get_text() for text in ax.get_xticklabels()] == ['5', 'none']
    assert np.asarray(curve.get_ydata()).tolist() == [
        point.differences['occupancy_mean'].difference for point in found.points
    ]
    with pytest.raises(ValueError, match="unknown figure 'nope'"):
        found.plot(axes(), 'nope')


def test_a_picture_shows_one_varied_name() -> None:
    found = compared(BASE, BASE, vary={'max_size': [4, 5], 'load': [1, 2]}, replications=2)

    with pytest.raises(ValueError, match='varied max_size, load: use points as a table'):
        found.plot(axes())
    assert comparison_picture(found) == ''
    assert '<img' not in found._repr_html_()


def test_a_notebook_shows_the_verdict_and_the_picture(sizes: Comparison) -> None:
    shown = sizes._repr_html_()

    assert sizes.verdict in shown
    assert '<img' in shown
    assert shown.count('<tr>') > 5


def test_amounts_have_their_units() -> None:
    assert value_text('refusal_share', 0.02567) == '2.57%'
    assert value_text('wait_mean', 0.5, signed=True) == '+0.5 s'
    assert value_text('refused', -1234.4) == '-1,234'
    assert value_text('served_within', 0.5) == '50%'
    assert label('a_new_figure') == 'a new figure'


def test_a_bound_of_zero_is_not_a_difference() -> None:
    """An interval that touches 0 holds it."""
    assert not Difference('refused', 1, 2, Interval(1, 0, 2), None).seen
    assert Difference('refused', 1, 2, Interval(1, 0.1, 2), None).seen


def test_a_relative_difference_is_a_share_of_the_larger_value() -> None:
    assert Difference('refused', 2, 8, Interval(6, 4, 8), None).relative == Interval(0.75, 0.5, 1)
    assert Difference('refused', 8, 2, Interval(-6, -8, -4), None).relative == Interval(-0.75, -1, -0.5)
    assert Difference('refused', 0, 0, Interval(0, 0, 0), None).relative == Interval(0, 0, 0)


def test_waiting_is_compared_with_retrying() -> None:
    """No job that waits for as long as it takes is refused; a short wait times out."""
    retrying = BASE.replace(max_size=8, on_refusal=Retry('exp:1'))
    patient = compared(retrying, BASE.replace(max_size=8, wait=None), replications=3).differences
    hasty = compared(BASE.replace(wait=None, max_size=8), BASE.replace(wait=0.01, max_size=8))

    assert patient['attempts_refusal_share'].b == 0
    assert patient['overtakings'].b == 0
    assert patient['queue_mean'].b > 0
    assert ', and lets more attempts time out: ' in hasty.verdict
