"""A stranger's protocol in a file of their own is explored by following the guide."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_cachify.commands import Steps
from py_cachify.protocols import ATOMIC, Lease, NoLease
from simulations.exploring import Scope, explore, subject
from tests.support.command import here, in_a_process
from tests.support.paths import ROOT


GUIDE = (ROOT / 'simulations' / 'exploring' / 'README.md').read_text(encoding='utf-8')
GUIDE = GUIDE.partition('## A protocol of your own')[2].partition('\n## ')[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files of the guide, under the names that it gives them."""
    for name, text in re.findall(r'`(\w+\.py)`:\n\n```python\n(.*?)```', GUIDE, re.DOTALL):
        (tmp_path / name).write_text(text, encoding='utf-8')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['my_lock.py', 'my_script.py']
    return tmp_path


def commands(begin: str) -> list[str]:
    """Return the commands of the guide that begin like this, without their comments."""
    shells = '\n'.join(re.findall(r'```sh\n(.*?)```', GUIDE, re.DOTALL))
    return [line.partition('#')[0].strip() for line in shells.splitlines() if line.startswith(begin)]


def test_the_guide_is_followed_to_its_end(folder: Path) -> None:
    """The lock is explored, saved, replayed, drawn and tested; then it is mended."""
    [first, at_random] = commands('pool-sim explore my_lock:my_lock')
    done = in_a_process(folder, *first.split()[1:])
    [story] = re.findall(r'```\n( +1\. .*?)```', GUIDE, re.DOTALL)
    results = folder / 'pool-sim-results'

    assert done.returncode == 1, done.stderr
    assert story in done.stdout
    assert sorted(path.name for path in results.iterdir()) == [
        'my_lock_my_lock.json',
        'my_lock_my_lock.png',
        'test_my_lock_my_lock.py',
    ]
    assert json.loads((results / 'my_lock_my_lock.json').read_text())['protocol'] == 'my_lock:my_lock'
    assert in_a_process(folder, *at_random.split()[1:], '--out', 'elsewhere').returncode == 1
    [replay] = commands('pool-sim explore --replay')
    again = in_a_process(folder, *replay.split()[1:])
    assert (again.returncode, story in again.stdout) == (1, True)
    [test] = commands('python -m pytest')
    failed = _python(folder, *test.split()[1:])
    assert failed.returncode == 1
    assert 'the release of B1 reported its slot as gone although it had not expired' in failed.stdout

    _mend(folder)
    passed = _python(folder, *test.split()[1:])
    assert passed.returncode == 0, passed.stdout


def _mend(folder: Path) -> None:
    """Let ``my_lock:my_lock`` be what the guide ends with."""
    (folder / 'my_lock.py').rename(folder / 'old_lock.py')
    script = (folder / 'my_script.py').read_text().replace('my_lock', 'old_lock').replace('mended =', 'my_lock =')
    (folder / 'my_lock.py').write_text(script)


def test_the_mended_lock_of_the_guide_survives_what_the_guide_says(folder: Path) -> None:
    """It survives crashes and lost connections, and does not survive late requests."""
    [lost, late] = (shlex.split(line)[1:] for line in commands('pool-sim explore my_script:mended'))
    survived, broken = in_a_process(folder, *lost), in_a_process(folder, *late)

    assert (survived.returncode, broken.returncode) == (0, 1), survived.stderr
    assert 'nothing goes wrong in any schedule of this scope' in survived.stdout
    assert 'The late SetNew(pool, A1, 10) of client A arrives; the store carries it out' in broken.stdout


def _python(folder: Path, *words: str) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ('place', 'complaint'),
    [
        ('strangers_pol:pool', "there is no module 'strangers_pol' in {here} or on the path: start the command in"),
        ('strangers_pool.more:pool', "there is no module 'strangers_pool.more' in {here} or on the path"),
        ('strangers_pool:pol', "the module 'strangers_pool' has no 'pol': did you mean 'pool'?"),
        ('strangers_pool:acquire', 'strangers_pool:acquire is a function, not a Subject: write my_subject = Subject('),
        ('strangers_empty:x', "the module 'strangers_empty' has no 'x'"),
        ('strangers_import:x', "importing strangers_import raised ModuleNotFoundError: No module named 'not_there'"),
        ('strangers_syntax:x', 'importing strangers_syntax raised SyntaxError: '),
        ('strangers_pool:', "name the protocol as MODULE:NAME, such as my_module:my_subject, not 'strangers_pool:'"),
        ('strangers_pool.py:pool', "'strangers_pool.py' is a file: write the name of the module, such as strangers_po"),
    ],
)
def test_what_is_no_place_of_a_protocol_gets_one_line_and_status_2(tmp_path: Path, place: str, complaint: str) -> None:
    """The line says what is wrong: the module, the attribute or its type."""
    _write_strangers(tmp_path)
    done = here(tmp_path, 'explore', place)

    assert done.returncode == 2
    assert f'pool-sim: {complaint.format(here=tmp_path)}' in done.stderr
    assert 'Traceback' not in done.stderr


def _write_strangers(folder: Path) -> None:
    lines = [
        'from py_cachify.protocols import Lease, SlotProtocol',
        'from simulations.broken.commands import Count, GetKey',
        'from simulations.exploring import KeyValueWorld, Scope, Subject',
        'def acquire(key, token, max_size, slot_exp):',
        '    yield from GetKey(key)',
        '    return {}[token]',
        'steps = SlotProtocol("x", acquire, None, None)',
        'pool = Subject("x", steps, KeyValueWorld, Scope(clients=1), honest=True, idea="fails")',
    ]
    (folder / 'strangers_pool.py').write_text('\n'.join(lines))
    (folder / 'strangers_empty.py').write_text('y = 1')
    (folder / 'strangers_import.py').write_text('import not_there')
    (folder / 'strangers_syntax.py').write_text('x = (')


@pytest.fixture(autouse=True)
def _forget_the_strangers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, 'path', list(sys.path))
    yield
    for name in [name for name in sys.modules if name.startswith('strangers_')]:
        del sys.modules[name]


def test_an_error_in_a_protocol_of_your_own_is_shown_with_its_place(tmp_path: Path) -> None:
    """It is no broken promise, so the status is 2."""
    _write_strangers(tmp_path)
    done = here(tmp_path, 'explore', 'strangers_pool:pool')

    assert done.returncode == 2
    assert 'strangers_pool.py", line 6, in acquire' in done.stderr
    assert done.stderr.endswith("pool-sim: strangers_pool:pool raised KeyError during the search: 'A1'\n")


@pytest.mark.parametrize('options', [[], ['--schedules', '1']], ids=['exhaustive', 'at random'])
def test_an_error_in_a_protocol_of_your_own_is_shown_with_the_moves_before_it(
    options: list[str], tmp_path: Path
) -> None:
    """Its release fails, so an acquire comes first."""
    lines = [
        'from py_cachify.protocols import Lease, SlotProtocol',
        'from simulations.broken.commands import SetNew',
        'from simulations.exploring import KeyValueWorld, Scope, Subject',
        'def acquire(key, token, max_size, slot_exp):',
        '    yield from SetNew(key, token, slot_exp)',
        '    return Lease(key, token)',
        'def release(lease):',
        '    yield from SetNew("other", lease.token, None)',
        '    return {}[lease.token]',
        'steps = SlotProtocol("x", acquire, release, None)',
        'scope = Scope(clients=1, faults=0, between=0, slot_exp=None)',
        'pool = Subject("x", steps, KeyValueWorld, scope, honest=True, idea="fails")',
    ]
    (tmp_path / 'strangers_release.py').write_text('\n'.join(lines))

    done = here(tmp_path, 'explore', 'strangers_release:pool', *options)

    assert done.returncode == 2
    story = done.stderr.partition('The schedule:\n')[2].splitlines()
    assert story[0].startswith('   1. Client A acquires: it sends SetNew(pool, A1')
    assert story[1] == "      ! the next move raised KeyError: 'A1'"


def test_an_error_of_ones_own_that_stands_for_a_lost_connection_ends_the_operation() -> None:
    """The client has its own exceptions; the operation has failed all the same."""

    def acquire(key: str, token: str, max_size: int, slot_exp: float | None) -> Steps[Lease | NoLease]:
        try:
            return (yield from ATOMIC.acquire(key, token, max_size, slot_exp))
        except ConnectionError as error:
            raise LookupError('no store') from error

    own = subject('memory')._replace(protocol=ATOMIC._replace(acquire=acquire))
    found = explore(own, Scope(clients=2, max_size=1, faults=1))

    assert found.violation is None
    assert found.complete
