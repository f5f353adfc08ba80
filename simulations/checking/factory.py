"""The factory of a client: found by its name, called once, and refused if it makes no client."""

import inspect
import sys
from typing import Any

from simulations.arguments import imported
from simulations.checking.calls import shortened
from simulations.checking.host import Factory, Host, StuckError


METHODS = ('get', 'set', 'delete')


class NoClientError(ValueError):
    """There is no client to check."""


def load(place: str) -> Factory:
    """Return the factory at ``module:name``; modules are also found in the working directory.

    Raises:
        NoClientError: there is no such module or name, importing it raised, or it is not callable.

    Example::

        load('my_module:make_client')
    """
    try:
        found = imported(place, 'factory', 'my_module:make_client')
    except ValueError as error:
        raise NoClientError(str(error)) from error.__cause__
    if not callable(found):
        raise NoClientError(
            f'{place} is a {type(found).__name__}, not a function that makes a client: write'
            ' def make_client(): return … and name that'
        )
    return found  # type: ignore[no-any-return]


def reference(factory: Factory) -> str | None:
    """Return ``module:name`` if another process can import the factory by it, else ``None``."""
    module, name = getattr(factory, '__module__', None), getattr(factory, '__qualname__', None)
    if not isinstance(module, str) or not isinstance(name, str) or module == '__main__' or '<' in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split('.'):
        found = getattr(found, part, None)
    return f'{module}:{name}' if found is factory else None


def open_host(factory: Factory, name: str, patience: float, tries: int = 1) -> Host:
    """Make a client with the factory and find out whether it is asynchronous; return its host.

    Args:
        factory: makes the client.
        name: a name that does not exist in the store.
        patience: how long to wait for one call, in seconds.
        tries: how often the first call is made if it raises.

    Raises:
        NoClientError: the factory raises, or what it makes is not a client, or its store does not
            reply.
    """
    if inspect.iscoroutinefunction(factory):
        return _checked(factory, asynchronous=True, patience=patience)
    host = _checked(factory, asynchronous=False, patience=patience)
    try:
        asynchronous = host.do(lambda client: _asynchronous(client, name, tries))
    except StuckError:
        raise NoClientError(
            f'the first call, get({name!r}), did not return within {patience:g} s: check that the store is running'
        ) from None
    except Exception as error:
        raise NoClientError(
            f'the first call, get({name!r}), raised {_told(error)}: check that the store is running and that the'
            ' client works'
        ) from error
    if not asynchronous:
        return host
    host.close()
    return _checked(factory, asynchronous=True, patience=patience)


def _checked(factory: Factory, *, asynchronous: bool, patience: float) -> Host:
    try:
        host = Host(factory, asynchronous=asynchronous, patience=patience)
    except StuckError:
        raise NoClientError(f'the factory did not return within {patience:g} s') from None
    except (Exception, SystemExit) as error:
        raise NoClientError(f'the factory raised {_told(error)}') from error
    client = host.client
    if not asynchronous and inspect.isawaitable(client):
        if inspect.iscoroutine(client):
            client.close()
        host.close()
        return _checked(factory, asynchronous=True, patience=patience)
    if isinstance(client, type):
        host.close()
        raise NoClientError(f'the factory returned the class {client.__name__}, not a client: return an instance of it')
    lacks = [method for method in METHODS if not callable(getattr(client, method, None))]
    if lacks:
        host.close()
        raise NoClientError(
            f'the factory returned a {type(client).__name__}, which is not a client: it lacks {" and ".join(lacks)}'
        )
    return host


async def _asynchronous(client: Any, name: str, tries: int) -> bool:
    for left in reversed(range(tries)):
        try:
            answer = client.get(name)
            break
        except Exception as error:
            # An asynchronous client may look for its event loop at once.
            if isinstance(error, RuntimeError) and 'event loop' in str(error):
                return True
            if not left:
                raise
    if inspect.iscoroutine(answer):
        answer.close()
    return inspect.isawaitable(answer)


def _told(error: BaseException) -> str:
    return shortened(f'{type(error).__name__}: {error}', 300)
