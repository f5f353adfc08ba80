"""One call of a client: what was requested, when, and what the client replied.

Requests and calls are plain values, so they travel between processes as JSON.
"""

import inspect
import math
import time
from collections.abc import Coroutine, Generator, Sequence
from typing import Any, NamedTuple, TypeVar


R = TypeVar('R')

LONGEST_SHOWN = 60
"""The most characters of a name, a value or a reply that a report shows."""


class Interrupted(BaseException):
    """Raised inside a client to break a call off."""


class Request(NamedTuple):
    """One call to make.

    Attributes:
        method: ``'get'``, ``'set'`` or ``'delete'``.
        names: the names; ``get`` and ``set`` have one.
        value: the value to set.
        ex: the life of the value, in whole seconds; ``None`` for no expiry.
        nx: whether to set the name only if it does not exist.
    """

    method: str
    names: tuple[str, ...]
    value: str = ''
    ex: int | None = None
    nx: bool = False

    @property
    def name(self) -> str:
        """The first name."""
        return self.names[0]

    def send(self, client: Any) -> Any:
        """Call the client as the library does; return what it returns, which may be awaitable."""
        match self.method:
            case 'get':
                return client.get(self.name)
            case 'set' if self.nx:
                return client.set(self.name, self.value, ex=self.ex, nx=True)
            case 'set':
                return client.set(self.name, self.value, **({} if self.ex is None else {'ex': self.ex}))
            case _:
                return client.delete(*self.names)

    def __str__(self) -> str:
        parts = [shown(name) for name in self.names]
        if self.method == 'set':
            parts.append(shown(self.value))
            parts += [f'ex={self.ex}'] if self.ex is not None or self.nx else []
            parts += ['nx=True'] if self.nx else []
        return f'{self.method}({", ".join(parts)})'


Script = Generator[Request, Any, R]
"""Requests, one after the other; each is sent the reply to it."""


def get(name: str) -> Request:
    """Return the request for the value of a name."""
    return Request('get', (name,))


def put(name: str, value: str, ex: int | None = None) -> Request:
    """Return the request to set a name, whether or not it exists."""
    return Request('set', (name,), value, ex)


def take(name: str, value: str, ex: int | None = 3600) -> Request:
    """Return the request to set a name only if it does not exist, as an acquire does."""
    return Request('set', (name,), value, ex, nx=True)


def delete(*names: str) -> Request:
    """Return the request to delete names."""
    return Request('delete', names)


class Call(NamedTuple):
    """A request that was made.

    Attributes:
        who: the caller, such as ``thread 3``.
        request: what was called.
        called: the instant just before the call, in seconds; all processes share this clock.
        returned: the instant just after it; infinite while it has not returned.
        reply: the reply as the library understands it: true or false for ``set``, text or ``None``
            for ``get``, ``None`` for ``delete``.
        text: the reply as the client gave it, for the report; of a call that has not returned, why.
        error: what the client raised; empty if it raised nothing.
    """

    who: str
    request: Request
    called: float
    returned: float = math.inf
    reply: Any = None
    text: str = ''
    error: str = ''

    def __str__(self) -> str:
        if self.error:
            return f'{self.request} raises {self.error}'
        if math.isinf(self.returned):
            return f'{self.request} {self.text or "does not return"}'
        return f'{self.request} -> {self.text}'

    def to_json(self) -> dict[str, Any]:
        """Return the call as plain values."""
        unfinished = math.isinf(self.returned)
        return {
            **self._asdict(),
            'request': self.request._asdict(),
            'returned': None if unfinished else self.returned,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> 'Call':
        """Return the call that :meth:`to_json` described."""
        request = Request(**{**values['request'], 'names': tuple(values['request']['names'])})
        returned = math.inf if values['returned'] is None else values['returned']
        return cls(**{**values, 'request': request, 'returned': returned})


async def perform(client: Any, request: Request, who: str, calls: list[Call]) -> Call:
    """Make a call, append it to ``calls``, and return it.

    What the client raises is recorded. Only an :class:`Interrupted` passes through; then the call
    stays in ``calls`` as one that has not returned.
    """
    place = len(calls)
    calls.append(Call(who, request, time.monotonic()))
    error, reply, text = '', None, ''
    try:
        answer = request.send(client)
        if inspect.isawaitable(answer):
            answer = await answer
        returned = time.monotonic()
        reply, text = _understood(request.method, answer), shown(answer)
    except (Interrupted, GeneratorExit):
        raise
    except BaseException as raised:
        returned = time.monotonic()
        error = f'{type(raised).__name__}: {shortened(str(raised), 200)}'
    calls[place] = calls[place]._replace(returned=returned, reply=reply, text=text, error=error)
    return calls[place]


def _understood(method: str, answer: Any) -> Any:
    if method == 'set':
        return bool(answer)
    if method == 'delete' or answer is None or isinstance(answer, str):
        return None if method == 'delete' else str(answer) if answer is not None else None
    return answer.decode(errors='replace') if isinstance(answer, bytes) else repr(answer)


def drive(steps: 'Coroutine[Any, Any, R]') -> R:
    """Run a coroutine that never waits: one that calls a synchronous client."""
    try:
        steps.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    steps.close()
    raise TypeError('a method returned an awaitable, although `get` did not')


def shown(value: Any) -> str:
    """Return ``repr(value)``, shortened."""
    try:
        return shortened(repr(value), LONGEST_SHOWN)
    except Exception:
        return f'a {type(value).__name__} without a repr'


def shortened(text: str, limit: int) -> str:
    """Return the text in one line of at most about ``limit`` characters, the middle left out."""
    line = ' '.join(text.split())
    return line if len(line) <= limit else f'{line[: limit * 2 // 3]}…{line[-limit // 4 :]}'


def table(calls: Sequence[Call], prefix: str = '') -> list[str]:
    """Return the calls as lines, with their instants in milliseconds; leave ``prefix`` out."""
    if not calls:
        return []
    began = calls[0].called
    width = max(len(call.who) for call in calls)
    lines = []
    for call in calls:
        until = f'{"…":>9}' if math.isinf(call.returned) else f'{(call.returned - began) * 1e3:9.2f}'
        text = str(call).replace(prefix, '') if prefix else str(call)
        lines.append(f'{(call.called - began) * 1e3:8.2f} -{until} ms  {call.who:<{width}}  {text}')
    return lines
