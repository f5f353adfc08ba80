"""A state machine: holders use pools in any order, next to a model of a few lines.

``model.py`` is what the pools promise. ``stores.py`` contains the stores, ``wire.py`` the
connection to one and its accidents. ``sides.py`` uses pools from threads and from tasks.
``machine.py`` brings these together. ``mutations.py`` breaks the library on purpose.
``__main__.py`` runs for any length of time: ``python -m tests.state_machine --help``.

``shared/`` is another machine: hundreds of tasks whose requests travel in shared batches.
``batches.py`` runs it for any number of operations: ``python -m tests.state_machine.batches``.
"""
