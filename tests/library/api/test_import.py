"""The package needs only the standard library until it receives a client."""

import subprocess
import sys
from pathlib import Path

import py_cachify


PACKAGE = Path(py_cachify.__file__).parent


def _run(code: str, *options: str) -> str:
    """Run ``code`` in a new interpreter that finds the package first, and return its output."""
    found = f'import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n'
    done = subprocess.run([sys.executable, *options, '-c', found + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_only_the_standard_library() -> None:
    """``import py_cachify`` imports only its own modules and the standard library's."""
    printed = _run(
        'before = set(sys.modules)\n'
        'import py_cachify\n'
        'print(*{name.partition(".")[0] for name in set(sys.modules) - before})'
    )
    assert 'py_cachify' in printed.split()
    assert set(printed.split()) - sys.stdlib_module_names == {'py_cachify'}


def test_an_interpreter_without_any_installed_package_can_use_pools() -> None:
    """Import, memory, decorator and asyncio work without site-packages (``-S -E``)."""
    printed = _run(
        'import asyncio\n'
        'from py_cachify import init_cachify, pool, pooled\n'
        'init_cachify()\n'
        '@pooled("mail-{user_id}", max_size=1)\n'
        'def mail(user_id): return mail.size(user_id)\n'
        'async def main():\n'
        '    async with pool("reports", max_size=1) as reports: return await reports.asize()\n'
        'print(mail(7), asyncio.run(main()), any("site-packages" in folder for folder in sys.path))',
        '-S',
        '-E',
    )
    assert printed.split() == ['1', '1', 'False']


def test_a_client_of_ones_own_needs_no_other_package_either() -> None:
    """The plain contract and the scripts for Redis work without any client package installed."""
    printed = _run(
        'from py_cachify import init_cachify, pool\n'
        'class Plain(dict):\n'
        '    def set(self, name, value, ex=None, nx=False): return self.setdefault(name, value) is value\n'
        '    def delete(self, *names): [self.pop(name, None) for name in names]\n'
        'class Scripted:\n'
        '    def get(self, name): raise AssertionError\n'
        '    def evalsha(self, *args): raise RuntimeError("no server")\n'
        '    def eval(self, *args): raise AssertionError\n'
        'for client in Plain(), Scripted():\n'
        '    init_cachify(client)\n'
        '    try:\n'
        '        with pool("reports", max_size=3): print(pool("reports", max_size=3).size())\n'
        '    except RuntimeError as error: print(error)',
        '-S',
        '-E',
    )
    assert printed.splitlines() == ['1', 'no server']


def test_the_package_is_typed() -> None:
    """It contains ``py.typed``, so type checkers read its annotations."""
    assert (PACKAGE / 'py.typed').is_file()


def test_the_public_names_are_listed() -> None:
    """Every public name of the reference is exported, and ``__all__`` names only what exists."""
    assert set(py_cachify.__all__) >= {
        'UNSET',
        'AsyncClient',
        'Cachify',
        'CachifyError',
        'CachifyInitError',
        'CachifyPoolFullError',
        'MemoryClient',
        'SyncClient',
        'UnsetType',
        'WrappedFunctionPool',
        'init_cachify',
        'pool',
        'pooled',
    }
    assert all(hasattr(py_cachify, name) for name in py_cachify.__all__)
