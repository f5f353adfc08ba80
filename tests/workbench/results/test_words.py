"""What a report says of the reasons to doubt its figures."""

import pytest

from simulations.measuring.caveats import BATCHES_ALIKE, FEW_REFUSALS, Caveat
from simulations.results.words import messages


pytestmark = pytest.mark.quick


def test_what_is_doubtful_in_several_figures_is_said_once() -> None:
    """One sentence names all three figures with correlated batches; others stay as they are."""
    alike = [Caveat(BATCHES_ALIKE, figure=name) for name in ('refusal_share', 'wait_mean', 'queue_mean')]
    few = Caveat(FEW_REFUSALS, 3, 'refusal_share', 30)

    (first, both), (second, rest) = messages([alike[0], few, *alike[1:]])

    assert (first, second) == (BATCHES_ALIKE, FEW_REFUSALS)
    assert both.startswith(
        'the intervals of the share of refused jobs, the mean waiting time and the mean length of the queue are too'
        ' narrow, because neighbouring parts'
    )
    assert rest.startswith('the share of refused jobs rests on only 3 refusals')
    [(_, alone)] = messages(alike[:1])
    assert alone.startswith('the interval of the share of refused jobs is too narrow')
