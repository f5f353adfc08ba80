"""Holders of pools that do, in any order, whatever holders do, beside a model of a few lines.

``model.py`` is what the pools promise; ``stores.py`` has the stores, ``wire.py`` the line to one and its accidents;
``sides.py`` uses pools as threads and as tasks do; ``machine.py`` brings these together; ``mutations.py`` breaks
the library on purpose, and ``__main__.py`` runs for as long as is wanted: ``python -m tests.state_machine --help``.
"""
