"""Build a mutant: the changed text of a module or a script runs, and no file changes."""

import functools
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import fakeredis

from py_cachify import MemoryClient
from py_cachify.backends.base import Backend
from py_cachify.backends.memory import MemoryBackend
from py_cachify.backends.plain import PlainBackend
from simulations.exploring import Subject, subject
from simulations.exploring.worlds import MemoryWorld, RedisWorld, World
from tests.mutants.mutant import Beyond, Mutant
from tests.support.paths import ROOT


PACKAGE = ROOT / 'py_cachify'


def changed_text(mutant: Mutant | Beyond) -> str:
    """Return the changed text. Raise ``ValueError`` unless the old text occurs exactly once."""
    text = (PACKAGE / mutant.file).read_text(encoding='utf-8')
    count = text.count(mutant.old)
    if count != 1:
        raise ValueError(f'{mutant.title}: its old text occurs {count} times in {mutant.file}, not once')
    return text.replace(mutant.old, mutant.new)


def mutated(mutant: Mutant | Beyond) -> tuple[Subject, Callable[[], World]]:
    """Return the protocol and a function that creates its store; one of them has the change."""
    known = subject(mutant.subject)
    text = changed_text(mutant)
    if mutant.file == 'protocols.py':
        module = _module('protocols.py', text)
        protocol = module.INDEXED if mutant.subject == 'nx' else module.ATOMIC
        known = known._replace(protocol=protocol)
        return known, known.world
    known = known._replace(world=_world(mutant.file, text, mutant.subject))
    return known, known.world


def _world(file: str, text: str, name: str) -> Callable[[], World]:
    backend: Any = PlainBackend if name == 'nx' else MemoryBackend
    client: type[MemoryClient] = MemoryClient
    match file:
        case 'backends/plain.py':
            backend = _module(file, text).PlainBackend
        case 'backends/memory.py':
            client = _module(file, text).MemoryClient
        case 'backends/_expiries.py':
            memory = _module('backends/memory.py', (PACKAGE / 'backends/memory.py').read_text(encoding='utf-8'))
            memory.Expiries = _module(file, text).Expiries
            client = memory.MemoryClient
        case _:
            return functools.partial(_redis_world, _redis_backend(file, text))
    return functools.partial(MemoryWorld, backend, client)


def _redis_world(backend: Callable[[Any, Callable[[], float]], Backend]) -> World:
    return RedisWorld(fakeredis.FakeRedis(server=fakeredis.FakeServer()), backend)


def _redis_backend(file: str, text: str) -> Any:
    module = _module('backends/redis.py', (PACKAGE / 'backends/redis.py').read_text(encoding='utf-8'))
    if file == 'backends/_answers.py':
        answers = _module(file, text)
        for name, value in vars(answers).items():
            if name in vars(module) and (name.startswith('read_') or name in ('OPERATIONS', 'unpack')):
                setattr(module, name, value)
        return module.RedisBackend
    script = Path(file).stem

    def read(name: str) -> bytes:
        if name == script:
            return text.encode()
        data = pkgutil.get_data('py_cachify.backends', f'lua/{name}.lua')
        assert data is not None
        return data

    module._read = read
    return module.RedisBackend


def _module(file: str, text: str) -> Any:
    """Return a separate module with this text, next to the imported one."""
    name = 'py_cachify.' + file.removesuffix('.py').replace('/', '.')
    module = ModuleType(name)
    module.__package__ = name.rpartition('.')[0]
    exec(compile(text, f'<mutant of {file}>', 'exec'), module.__dict__)
    return module
