"""The pytest plugin, in small suites that run as a user's do."""

import os
import subprocess
import sys

import pytest

from tests.library.testing.inner import CONFTEST, run, run_python
from tests.support.paths import ROOT


pytest_plugins = ['pytester']

PROGRAM = """
from py_cachify import init_cachify, pool, pooled

reports = pool('reports', max_size=1, wait=10)


@pooled('mail-{user_id}', max_size=1, on_full=lambda user_id: 'later')
def send_mail(user_id):
    return 'sent'
"""


def test_a_test_that_fails_leaves_nothing_to_the_next(pytester: pytest.Pytester) -> None:
    """It leaves slots held, a thread waiting, a pool full, and settings of its own."""
    suite = """
import threading

import pytest
from program import init_cachify, reports, send_mail
from py_cachify import CachifyInitError

left = []


def wait():
    with pytest.raises(RuntimeError, match='has ended'):
        reports.acquire()


def test_that_fails(cachify_pools):
    cachify_pools.full('mail-7').__enter__()
    reports.acquire()
    left.append(threading.Thread(target=wait))
    left[0].start()
    cachify_pools.wait_until_queued('reports')
    cachify_pools.advance(5)
    init_cachify(prefix='other-')
    assert send_mail(7) == 'later'


def test_that_has_no_pools():
    left[0].join()
    assert threading.enumerate() == [threading.main_thread()]
    with pytest.raises(CachifyInitError):
        reports.size()


def test_that_begins_anew(cachify_pools):
    assert send_mail(7) == 'sent'
    assert reports.size() == 0
    assert cachify_pools.clock() == 0
    assert len(cachify_pools.events) == 2
"""
    done = run(pytester, {'conftest.py': CONFTEST, 'program.py': PROGRAM, 'test_it.py': suite}, '-W', 'error')
    done.assert_outcomes(failed=1, passed=2)
    done.stdout.fnmatch_lines(["*AssertionError: assert 'sent' == 'later'"])


def test_a_slot_that_is_still_held_fails_only_a_test_that_asks(pytester: pytest.Pytester) -> None:
    suite = """
from program import reports


def test_that_does_not_ask(cachify_pools):
    reports.acquire()


def test_that_asks(cachify_pools):
    reports.acquire()
    cachify_pools.assert_all_released()
"""
    done = run(pytester, {'conftest.py': CONFTEST, 'program.py': PROGRAM, 'test_it.py': suite}, '-W', 'error')
    done.assert_outcomes(failed=1, passed=1)
    done.stdout.fnmatch_lines(["E*AssertionError: slots were not given back: pool 'reports': 1 held"])
    # The error points to the test, and not into the library.
    done.stdout.fnmatch_lines(['test_it.py:*: AssertionError'])


def test_async_tests_and_fixtures_of_anyio_use_it(pytester: pytest.Pytester) -> None:
    suite = """
import asyncio

import pytest
from py_cachify import CachifyPoolTimeoutError, pool

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return 'asyncio'


@pytest.fixture
async def slot(cachify_pools):
    async with pool('reports', max_size=1) as slot:
        yield slot


async def test_a_task_waits(slot, cachify_pools):
    waiter = asyncio.create_task(pool('reports', max_size=1, wait=10).aacquire())
    await cachify_pools.await_until_queued('reports')
    await cachify_pools.aadvance(10)
    with pytest.raises(CachifyPoolTimeoutError):
        await waiter


async def test_a_pool_is_full(cachify_pools):
    with cachify_pools.full('reports'), pytest.raises(CachifyPoolTimeoutError):
        await pool('reports', max_size=1, wait=10).aacquire()
"""
    run(pytester, {'conftest.py': CONFTEST, 'test_it.py': suite}, '-W', 'error').assert_outcomes(passed=2)


def test_every_test_uses_it_if_the_configuration_says_so(pytester: pytest.Pytester) -> None:
    files = {
        'pytest.ini': '[pytest]\naddopts = -p py_cachify.testing.plugin\nusefixtures = cachify_pools\n',
        'program.py': PROGRAM,
        'test_it.py': 'from program import reports\n\n\ndef test_reports():\n    with reports:\n        pass\n',
    }
    run(pytester, files, '-W', 'error').assert_outcomes(passed=1)


def test_pytest_shows_what_the_fixture_is(pytester: pytest.Pytester) -> None:
    done = run(pytester, {'conftest.py': CONFTEST}, '--fixtures')
    done.stdout.fnmatch_lines(['cachify_pools -- *plugin.py:*', '*Pools in memory for this test*'])


def test_the_library_needs_no_pytest(pytester: pytest.Pytester) -> None:
    """Only the plugin imports it."""
    code = 'import sys, py_cachify.testing; print("pytest" in sys.modules, "simulations" in sys.modules)'
    done = run_python(pytester, {}, '-S', '-c', code)
    assert (done.ret, done.outlines) == (0, ['False False'])


def test_a_program_does_not_import_what_is_for_tests() -> None:
    code = 'import sys, py_cachify; print([name for name in sys.modules if "py_cachify.testing" in name])'
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.stdout == '[]\n'
