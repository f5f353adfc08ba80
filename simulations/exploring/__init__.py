"""Search every interleaving of a few clients of a pool, with faults between any two commands.

An independent model judges each schedule::

    from simulations.exploring import explore, subject

    found = explore(subject('check-then-add'))
    print(found)                        # the shortest schedule that goes wrong, step by step
    found.violation.plot()              # the same as a sequence diagram
"""

from simulations.exploring.explore import Exploration, Failure, explore, replay_schedule
from simulations.exploring.limits import LIMITS
from simulations.exploring.moves import Move, Schedule
from simulations.exploring.scope import Scope, Subject
from simulations.exploring.subjects import SUBJECTS, subject
from simulations.exploring.worlds import BlockingWorld, KeyValueWorld, World


__all__ = [
    'LIMITS',
    'SUBJECTS',
    'BlockingWorld',
    'Exploration',
    'Failure',
    'KeyValueWorld',
    'Move',
    'Schedule',
    'Scope',
    'Subject',
    'World',
    'explore',
    'replay_schedule',
    'subject',
]
