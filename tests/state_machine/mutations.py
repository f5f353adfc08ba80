"""Bugs, each planted in one place of the library: the machine must find every one of them."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple

from hypothesis import Phase
from hypothesis.errors import HypothesisException

from py_cachify import _cancellation as cancellation
from py_cachify import _entries as entries
from py_cachify import _giving_back as giving_back
from py_cachify import _retries as retries
from py_cachify import _settings as settings
from py_cachify import _taking as taking
from py_cachify import decorators, pools, protocols
from py_cachify.backends import _expiries as expiries
from py_cachify.backends import atomic, memory, plain, redis
from tests.state_machine.machine import examine, machine_over


class Mutation(NamedTuple):
    """A bug: in ``where``, a function or a script, ``wrong`` replaces ``right``.

    ``backend`` and ``driver`` name the store and the side to find it with; ``number`` is the seed
    of the search, chosen to find it soon.
    """

    name: str
    where: Callable[..., Any] | str
    right: str
    wrong: str
    backend: str
    driver: str = 'sync'
    number: int = 0


CALL: Any = decorators._run
ASYNC_CALL: Any = decorators._arun

MUTATIONS = (
    # The scripts.
    Mutation(
        'a script lets one too many in',
        'acquire',
        'if taken >= tonumber(ARGV[2]) then\n    -- A client',
        'if taken > tonumber(ARGV[2]) then\n    -- A client',
        'fakeredis',
    ),
    Mutation(
        'a script counts what has expired',
        'acquire',
        "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)",
        '0',
        'fakeredis',
    ),
    Mutation(
        'in a script a slot lives on at the instant of its end',
        'acquire',
        "'-inf', now",
        "'-inf', '(' .. now",
        'fakeredis',
        'async',
    ),
    Mutation('a script renews the slot of who asks again', 'put', "'NX', ", '', 'fakeredis', number=3),
    Mutation(
        'a script refuses who asks again in a full pool',
        'acquire',
        "redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0",
        '0',
        'fakeredis',
        'async',
    ),
    Mutation('a script makes all slots live for ever', 'acquire', "ARGV[3] == ''", "ARGV[3] ~= '2.0'", 'fakeredis'),
    Mutation(
        'a script releases the slot that ends next',
        'release',
        "redis.call('ZREM', KEYS[1], ARGV[1])",
        "redis.call('ZPOPMIN', KEYS[1])",
        'valkey',
    ),
    Mutation(
        'a script finds a slot in time that has ended',
        'release',
        'tonumber(expiry) > now',
        'tonumber(expiry) >= now',
        'valkey',
        'async',
    ),
    Mutation(
        'a script keeps a slot for ever that is released',
        'release',
        "redis.call('ZREM', KEYS[1], ARGV[1])",
        "if expiry ~= 'inf' then redis.call('ZREM', KEYS[1], ARGV[1]) end",
        'valkey',
    ),
    Mutation(
        'a script sizes what has expired',
        'size',
        " - redis.call('ZCOUNT', KEYS[1], '-inf', now)",
        '',
        'valkey',
        'async',
    ),
    Mutation(
        'a forgotten script stays unknown',
        redis.RedisBackend._send_otherwise,
        'if _script_is_unknown(error):',
        'if False:',
        'valkey',
    ),
    # Memory.
    Mutation(
        'memory lets one too many in',
        memory.MemoryClient.take_slot,
        'len(tokens) >= max_size',
        'len(tokens) > max_size',
        'memory',
        'async',
    ),
    Mutation(
        'memory counts what ends at this instant',
        memory.MemoryClient.take_slot,
        'slots.heap[0][0] <= now',
        'slots.heap[0][0] < now',
        'memory',
    ),
    Mutation(
        'memory finds a slot in time that has ended',
        memory.MemoryClient.drop_slot,
        'slots.heap[0][0] <= now',
        'False',
        'memory',
        'async',
    ),
    Mutation(
        'memory takes a new slot for an old one of the same token',
        expiries.Expiries.drop_ended,
        '.get(item) == instant',
        '.get(item) is not None',
        'memory',
        number=5,
    ),
    Mutation(
        'memory refuses who asks again', memory.MemoryClient.take_slot, 'if token in tokens:', 'if False:', 'memory'
    ),
    Mutation(
        'memory does not forget the names of a plain client',
        memory.MemoryClient._drop_ended_names,
        'self._values.pop(name, None)',
        'pass',
        'plain',
    ),
    # The protocols.
    Mutation(
        'an acquire whose reply was lost is not undone',
        protocols._acquire_atomically,
        'yield from _undo(_complete(UndoSlot(key, token)), token, error)',
        'pass',
        'fakeredis',
    ),
    Mutation(
        'the same under the plain contract',
        protocols._acquire_by_index,
        'yield from _undo(_release_by_index(lease), token, error)',
        'pass',
        'plain',
        'async',
    ),
    Mutation('an undo that failed is not told', protocols._undo, 'error.add_note(', 'str(', 'plain'),
    Mutation(
        'a plain release does not look whose the slot is',
        protocols._delete_if_own,
        '!= lease.token',
        'is None',
        'plain',
    ),
    Mutation('a fraction of a second is cut off', protocols._acquire_by_index, 'math.ceil', 'int', 'plain', 'async'),
    Mutation(
        'a plain acquire leaves the last name out',
        protocols._acquire_by_index,
        'range(max_size)',
        'range(max(max_size - 1, 1))',
        'plain',
    ),
    Mutation(
        'a plain client is asked to set what exists',
        plain.PlainBackend.perform,
        'nx=True',
        'nx=False',
        'plain',
    ),
    Mutation(
        'a plain size leaves the last name out',
        protocols._count_by_index,
        'range(max_size)',
        'range(max_size - 1)',
        'plain',
        'async',
    ),
    # Whose slot an exit releases.
    Mutation(
        'an exit gives back the slot of the last who entered',
        entries.Entries.claim,
        'entry = newest.get(frame)',
        'entry = None',
        'memory',
    ),
    Mutation(
        'an exit gives back the oldest of its place',
        entries.Entries._entry_to_exit,
        'max(own, key=_number)',
        'min(own, key=_number)',
        'memory',
        'async',
    ),
    Mutation(
        'an exit gives back the slot of another thread first',
        entries.Entries._entry_to_exit,
        'entry[0] == owner and',
        'entry[0] != owner and',
        'plain',
    ),
    Mutation(
        'an exit forgets what the same frame had entered before',
        entries.Entries.add,
        'newest.get(frame))',
        'None)',
        'memory',
        'async',
    ),
    # The bracket around a body.
    Mutation(
        'a forked child releases the slots of its parent',
        giving_back.give_back,
        'held.pid != process.pid or',
        '',
        'valkey',
    ),
    Mutation(
        'a forked child awaits to release the slots of its parent',
        giving_back.agive_back,
        'or held.pid != process.pid',
        '',
        'valkey',
        'async',
    ),
    Mutation(
        'a release is never asked for again',
        retries.Retries.pause_after,
        '< QUICK_FAILURE',
        '< 0',
        'fakeredis',
        'async',
    ),
    Mutation(
        'a lost reply to a release is an overrun',
        giving_back._is_overrun,
        'not retries.may_have_arrived or',
        'True or',
        'plain',
    ),
    Mutation(
        'a lost reply to an awaited release is an overrun',
        giving_back._is_overrun,
        'not retries.may_have_arrived or',
        'True or',
        'valkey',
        'async',
    ),
    Mutation('an overrun is not told', giving_back.give_back, 'elif not _ended(', 'elif _ended(', 'memory'),
    Mutation('each end is an overrun', giving_back.agive_back, 'if not _ended(', 'if _ended(', 'fakeredis', 'async'),
    Mutation(
        'a slot for ever that could not be given back is not raised',
        giving_back.give_back,
        'held.spec.slot_exp is None and',
        'False and',
        'plain',
    ),
    Mutation(
        'an error of the body is hidden by that of the release',
        giving_back.agive_back,
        'and not body_failed and',
        'and',
        'plain',
        'async',
    ),
    # A cancelled task.
    Mutation(
        'a cancelled task keeps its slot',
        taking.PendingSlot.undo,
        'if held:',
        'if False:',
        'fakeredis',
        'async',
    ),
    Mutation(
        'a cancellation aborts the request',
        cancellation._Wait.cancel,
        'return True',
        'return self._request._fut_waiter.cancel(msg)',
        'plain',
        'async',
    ),
    Mutation(
        'a cancelled release forgets the cancellation',
        giving_back.agive_back,
        'raise released.interruption',
        'pass',
        'valkey',
        'async',
    ),
    # Pools and functions.
    Mutation(
        'the default life of a slot is not used',
        settings.Settings.slot_spec,
        'self.default_slot_exp',
        '5.0',
        'memory',
    ),
    Mutation(
        'one prefix for all keys', settings.Settings.slot_spec, 'self.prefix + key', "self.prefix + 'reports'", 'memory'
    ),
    Mutation('size() leaves the prefix out', pools.pool.size, 'settings.prefix + self._key', 'self._key', 'fakeredis'),
    Mutation(
        'a full pool is entered', pools.pool._enter, 'raise refusal_error(', 'return refusal_error(', 'plain', 'async'
    ),
    Mutation(
        'a function that raises keeps its slot',
        CALL,
        '_end(taken, is_plain, error)',
        'pass',
        'memory',
    ),
    Mutation(
        'an async function that returns keeps its slot',
        ASYNC_CALL,
        'await _aend(taken, None)',
        'pass',
        'memory',
        'async',
    ),
    Mutation('a refused function runs', CALL, 'if not taken:', 'if False:', 'plain'),
    Mutation(
        'on_full wins over raise_on_full',
        decorators.Terms.refuse,
        'if self.raise_on_full:',
        'if False:',
        'memory',
        'async',
    ),
    Mutation('a refusal ignores on_full', decorators.Terms.refuse, 'self.on_full is None', 'True', 'plain', 'async'),
    Mutation(
        'an acquire in memory is told by its token',
        atomic.AtomicBackend.acquire,
        '(Lease, (key, token))',
        '(Lease, (token, key))',
        'memory',
    ),
)


@contextmanager
def planted(mutation: Mutation) -> Iterator[None]:
    """Run with this bug in the library."""
    if isinstance(mutation.where, str):
        with _planted_in_script(mutation.where, mutation.right.encode(), mutation.wrong.encode()):
            yield
        return
    function = mutation.where
    assert isinstance(function, FunctionType)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(mutation.right) == 1, f'{mutation.name}: {mutation.right!r} must occur once in the source'
    made: dict[str, Any] = {}
    # Replace only its code, so that modules that imported the function run the broken one.
    exec(source.replace(mutation.right, mutation.wrong), dict(function.__globals__), made)
    right = function.__code__
    function.__code__ = made[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = right


@contextmanager
def _planted_in_script(name: str, right: bytes, wrong: bytes) -> Iterator[None]:
    read = redis._read
    assert read(name).count(right) == 1, f'{right!r} must occur once in {name}.lua'

    def read_broken(of: str) -> bytes:
        return read(of).replace(right, wrong) if of == name else read(of)

    redis._read = read_broken  # type: ignore[assignment]  # the names of its parameters do not matter
    redis.load_script.cache_clear()
    try:
        yield
    finally:
        redis._read = read
        redis.load_script.cache_clear()


def examples_until_found(mutation: Mutation, socket: str, *, examples: int, number: int | None = None) -> int | None:
    """Return after how many examples the machine finds the bug; ``None`` if it does not."""
    with planted(mutation), machine_over(mutation.backend, mutation.driver, socket) as machine:
        try:
            examine(machine, examples, number=mutation.number if number is None else number, phases=(Phase.generate,))
        except HypothesisException:
            # The search itself failed, so this says nothing about the bug.
            raise
        except Exception:
            return machine.tally.found
        return None
