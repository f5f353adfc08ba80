"""A state machine: holders use pools in any order, next to a model of a few lines.

``model.py`` is what the pools promise. ``stores.py`` contains the stores, ``wire.py`` the
connection to one and its accidents. ``sides.py`` uses pools from threads and from tasks.
``machine.py`` brings these together. ``mutations.py`` breaks the library on purpose.
``__main__.py`` runs for any length of time: ``python -m tests.state_machine --help``.
"""
