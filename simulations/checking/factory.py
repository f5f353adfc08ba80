"""The factory of a client: found by its name, called once, and refused if it makes no client."""

import difflib
import importlib
import inspect
import os
import sys
from typing import Any

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
    module_name, colon, name = place.partition(':')
    if not (colon and module_name and name):
        raise NoClientError(f'name the factory as MODULE:NAME, such as my_module:make_client, not {place!r}')
    if module_name.endswith('.py') or '/' in module_name or os.sep in module_name:
        raise NoClientError(
            f'{module_name!r} is a file: write the name of the module, such as'
            f' {os.path.basename(module_name).removesuffix(".py")}:{name}, in the folder of the file'  # noqa: PTH119
        )
    if (here := os.getcwd()) not in sys.path:  # noqa: PTH109 - the entry of a path is text
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f'{error.name}.')):
            raise NoClientError(
                f'there is no module {module_name!r} in {here} or on the path: start the command in its folder'
            ) from None
        raise NoClientError(f'importing {module_name} raised {_told(error)}') from error
    except Exception as error:
        raise NoClientError(f'importing {module_name} raised {_told(error)}') from error
    for part in name.split('.'):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), 1)
            hint = f': did you mean {near[0]!r}?' if near else ''
            raise NoClientError(f'the module {module_name!r} has no {name!r}{hint}')
        found = getattr(found, part)
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
