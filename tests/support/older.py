"""An older release on the same server: its scripts, from before pools could wait.

``older_scripts/`` keeps their text, which is not changed any more.
"""

import itertools
from typing import Any

from py_cachify.backends.pool_keys import pool_keys
from tests.support.paths import ROOT


FOLDER = ROOT / 'tests' / 'support' / 'older_scripts'

_OPERATIONS = {'acquire': 0, 'release': 1, 'undo': 2}
_numbers = itertools.count()


class OlderRelease:
    """Sends what a process of that release sends."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def new_token(self) -> str:
        """Return a token as it made them: a process, its id, and a number."""
        return f'5f0c9a7be2d14c08-4711-{next(_numbers)}'

    def take(self, key: str, token: str, max_size: int, slot_exp: float | None) -> bool:
        """Acquire a slot; return whether it was granted."""
        life = '' if slot_exp is None else repr(float(slot_exp))
        return self._run('acquire', key, token, max_size, life)

    def give_back(self, key: str, token: str) -> bool:
        """Release a slot; return whether it was still there."""
        return self._run('release', key, token)

    def undo(self, key: str, token: str) -> bool:
        """Undo an acquire; return what a release returns."""
        return self._run('undo', key, token, 3600.0, 10_000)

    def _run(self, name: str, key: str, *arguments: Any) -> bool:
        parts = ['undo', 'release'] if name == 'undo' else [name]
        operation = f'local operation = {_OPERATIONS[name]}'
        body = ['local function decide()', *map(_read, parts), 'end', operation, _read('answer')]
        text = '\n'.join([_read('server_clock'), *body])
        keys = pool_keys(key)
        answer = self._client.eval(text, 2, keys.slots, keys.undone, *arguments)
        return bool(int(answer) >> 42)


def _read(name: str) -> str:
    return (FOLDER / f'{name}.lua').read_text()
