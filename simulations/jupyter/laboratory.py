"""A pool to play with in a lecture: controls for load, holding times, size, expiry and faults.

The picture below the controls shows what they do.

::

    from simulations.jupyter.laboratory import laboratory

    laboratory()
"""

import math

import ipywidgets
from matplotlib import rc_context
from matplotlib.figure import Figure

from simulations.drawing.axes import plain_title
from simulations.faults import Crash, Fault, LoseReplies, Pause, Restart
from simulations.faults.network import Network
from simulations.jupyter.sliders import Followed, float_slider, follow
from simulations.results.result import Result
from simulations.scenarios.scenario import Scenario


HOLDING = {
    'exponential': 'exp:1',
    'constant': 'const:1',
    'uniform': 'uniform:0:2',
    'lognormal': 'lognormal:-0.5:1',
    'heavy tail': 'pareto:1.5:0.3333333333333333',
}
"""The distributions of the holding time, by name; each has a mean of one second."""

FAULTS: dict[str, tuple[Fault, ...]] = {
    'none': (),
    'a worker crashes': (Crash(at=15.0, lasting=5.0, workers='one'),),
    'a worker pauses': (Pause(at=15.0, lasting=6.0, workers='one'),),
    'replies are lost': (LoseReplies(at=15.0, lasting=6.0, share=0.3),),
    'the server forgets': (Restart(at=15.0, lasting=2.0, data='lost'),),
}
"""The faults, by name.  Each begins 15 s after the first arrival; jobs arrive for 30 s."""

_LIVES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_SECONDS = 30.0
# Fixed places: an automatic layout measures every text, which would take a third of the time that a
# moved slider needs to change the picture.
_PLACES = {'left': 0.08, 'right': 0.985, 'top': 0.895, 'bottom': 0.17, 'hspace': 0.6, 'wspace': 0.27}


def run(
    offered_load: float = 6.0,
    holding: str = 'exponential',
    max_size: int = 5,
    slot_exp: float | None = 0.5,
    crashes: float = 0.0,
    fault: str = 'none',
) -> Result:
    """Run a pool for half a minute and return the result.

    Only ``offered_load`` changes when jobs arrive: with the same load they arrive at the same
    instants, whatever the other settings are.

    Args:
        offered_load: how many jobs would hold a slot at the same time, on average, if none were
            refused.  The mean holding time is one second, so this is also the number of arrivals
            per second.
        holding: the distribution of the holding times, a key of ``HOLDING``.
        max_size: how many slots the pool has.
        slot_exp: the life of a slot in seconds; with ``None`` or infinity slots never expire.
        crashes: the share of holders that crash before they release their slot.
        fault: what goes wrong, a key of ``FAULTS``.

    Raises:
        ValueError: ``holding`` or ``fault`` is unknown, or another value is out of range.
    """
    for name, value, choices in (('holding', holding, HOLDING), ('fault', fault, FAULTS)):
        if value not in choices:
            raise ValueError(f'{name} must be one of {", ".join(map(repr, choices))}, got {value!r}')
    faults = FAULTS[fault]
    return Scenario(
        arrivals=f'poisson:{offered_load}',
        holding=HOLDING[holding],
        max_size=max_size,
        slot_exp=None if slot_exp == math.inf else slot_exp,
        crash_probability=crashes,
        horizon=_SECONDS,
        workers=3 if faults else 1,
        network=Network(latency='exp:0.005') if faults else None,
        faults=faults,
        seed=1,
    ).run()


def picture(
    offered_load: float = 6.0,
    holding: str = 'exponential',
    max_size: int = 5,
    slot_exp: float | None = 0.5,
    crashes: float = 0.0,
    fault: str = 'none',
) -> Figure:
    """Draw a run of :func:`run` with the same arguments.

    The figure shows the occupancy and the running bodies over time, who held a slot when, and for
    what share of the time a given number of slots was taken.
    """
    result = run(offered_load, holding, max_size, slot_exp, crashes, fault)
    with rc_context({'font.size': 9, 'axes.titlesize': 10, 'legend.fontsize': 8}):
        figure = Figure(figsize=(9, 6.3))
        axes = figure.subplot_mosaic(
            [['course', 'course'], ['slots', 'shares']], width_ratios=[3, 2], gridspec_kw=_PLACES
        )
        result.plot_occupancy(axes['course'])
        plain_title(axes['course'], 'occupancy and running bodies over time')
        result.plot_slots(axes['slots'], most=12)
        plain_title(axes['slots'], 'who held a slot when')
        result.plot_occupancy_shares(axes['shares'])
        plain_title(axes['shares'], 'share of the time')
        figure.suptitle(sentence(result), fontsize=12, fontweight='bold')
    return figure


def sentence(result: Result) -> str:
    """Return the outcome of a run in one line, the headline of the picture."""
    figures, theory = result.figures, result.theory
    by_theory = '' if theory is None or theory.refusal_share is None else f' (theory {theory.refusal_share:.1%})'
    return (
        f'{figures.refusal_share:.1%} refused{by_theory}, at most {figures.occupancy_peak} of {result.max_size} slots'
        f' taken, at most {figures.running_peak} bodies running'
    )


def laboratory() -> Followed:
    """Return all controls and the picture that follows them; make this the last line of a cell."""
    wide = {'description_width': 'initial'}
    # `math.inf` stands for "never": ipywidgets takes `None` for "nothing is selected".
    life = ipywidgets.SelectionSlider(
        options=[*((f'{seconds:g} s', seconds) for seconds in _LIVES), ('never', math.inf)],
        value=0.5,
        description='slot_exp',
        style=wide,
    )
    load = float_slider(6.0, 0.5, 12.0, 0.5, description='offered load', style=wide)
    share = float_slider(0.0, 0.0, 0.5, 0.05, description='holders that crash', readout_format='.0%', style=wide)
    return follow(
        picture,
        offered_load=load,
        holding=list(HOLDING),
        max_size=(1, 20),
        slot_exp=life,
        crashes=share,
        fault=list(FAULTS),
    )
