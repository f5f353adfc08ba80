"""Metrics of several processes: forked children, and prometheus_client's multiprocess mode."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from tests.support.paths import ROOT


WORKER = """
    import sys
    from py_cachify.metrics import PrometheusListener
    from tests.library.metrics.attempts import QUEUED, GRANTED, tell, while_held, without_slot

    listener = PrometheusListener()
"""

PREFORK = (
    WORKER
    + """
    import os

    tell(listener, GRANTED)  # before the fork
    listener(QUEUED)
    children = []
    for number in range(2):
        told, tell_parent = os.pipe()
        go_on, tell_child = os.pipe()
        child = os.fork()
        if child == 0:
            tell(listener, GRANTED)
            tell(listener, GRANTED)
            tell(listener, without_slot('timed_out'))
            tell(listener, GRANTED, while_held('released'))
            listener(QUEUED)
            os.write(tell_parent, b'.')
            os.read(go_on, 1)
            os._exit(0)
        os.read(told, 1)
        children.append((child, tell_child))
    print(os.getpid(), *(child for child, _ in children), flush=True)
    sys.stdin.readline()
    for child, tell_child in children:
        os.write(tell_child, b'.')
        os.waitpid(child, 0)
    print('ended', flush=True)
    sys.stdin.readline()
"""
)


collector: Any = MultiProcessCollector  # has no types, nor has this:
end_of: Any = mark_process_dead


class Multiprocess:
    """The sums that a scrape in multiprocess mode shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def value(self, name: str, **labels: str) -> float:
        registry = CollectorRegistry()
        collector(registry, str(self.folder))
        found = [
            sample.value
            for metric in registry.collect()
            for sample in metric.samples
            if sample.name == f'py_cachify_slot_{name}' and labels.items() <= sample.labels.items()
        ]
        assert found, name
        return sum(found)


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
def test_multiprocess_mode_adds_up_the_processes_that_live(tmp_path: Path) -> None:
    """A parent that holds a slot and waits for one, and two children that hold two each."""
    shown = Multiprocess(tmp_path)
    with subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(PREFORK)],
        env=os.environ | {'PROMETHEUS_MULTIPROC_DIR': str(tmp_path), 'PYTHONPATH': str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        _, *children = map(int, process.stdout.readline().split())

        assert shown.value('count') == 5
        assert shown.value('pending_requests') == 3
        assert shown.value('max') == 3
        assert shown.value('exp_seconds') == 30
        assert shown.value('timeouts_total') == 2
        assert shown.value('events_total', py_cachify_event_kind='granted') == 7
        assert shown.value('use_time_seconds_count') == 2
        assert shown.value('wait_time_seconds_count') == 7

        process.stdin.write('\n')
        process.stdin.flush()
        assert process.stdout.readline() == 'ended\n'
        for child in children:
            end_of(child, str(tmp_path))

        assert shown.value('count') == 1
        assert shown.value('pending_requests') == 1
        assert shown.value('max') == 3
        assert shown.value('events_total', py_cachify_event_kind='granted') == 7
        process.communicate('\n')
    assert process.returncode == 0


def test_workers_that_start_on_their_own_are_added_up(tmp_path: Path) -> None:
    code = textwrap.dedent(WORKER) + 'tell(listener, GRANTED._replace(max_size=int(sys.argv[1])))'
    for max_size in (2, 5, 3):
        subprocess.run(
            [sys.executable, '-c', code, str(max_size)],
            env=os.environ | {'PROMETHEUS_MULTIPROC_DIR': str(tmp_path), 'PYTHONPATH': str(ROOT)},
            check=True,
        )

    assert Multiprocess(tmp_path).value('count') == 3  # none was marked as dead
    assert Multiprocess(tmp_path).value('max') == 5


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
@pytest.mark.parametrize('kind', ['prometheus', 'opentelemetry'])
def test_a_forked_child_holds_nothing_and_counts_from_zero(kind: str) -> None:
    """Outside multiprocess mode, too.  The parent's counts stay as they are."""
    code = f"""
        import os
        from tests.library.metrics.attempts import *
        from tests.library.metrics.scrapes import scraped

        with scraped({kind!r}) as scrape:
            def shown():
                granted = scrape.value('events_total', kind='granted')
                return [scrape.value('pending_requests'), scrape.value('count'), granted, scrape.value('max')]

            tell(scrape.listener, GRANTED)
            tell(scrape.listener, GRANTED)
            scrape.listener(QUEUED)
            assert shown() == [1, 2, 2, 3]
            child = os.fork()
            if child == 0:
                from prometheus_client import start_http_server
                from tests.library.metrics import scrapes
                serving, _ = scrapes._server()
                server, _ = start_http_server(0, '127.0.0.1', serving)
                scrape = scrape._replace(port=server.server_port)
                tell(scrape.listener, GRANTED)
                tell(scrape.listener, GRANTED, while_held('released'))
                os._exit(0 if shown() == [0, 1, 2, 3] else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert shown() == [1, 2, 2, 3]
            os._exit(0)
    """
    subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)], env=os.environ | {'PYTHONPATH': str(ROOT)}, check=True
    )


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
@pytest.mark.parametrize('kind', ['prometheus', 'opentelemetry'])
def test_a_child_does_not_inherit_a_lock_that_a_thread_of_its_parent_holds(kind: str) -> None:
    code = f"""
        import os
        import signal
        import threading
        import time
        from tests.library.metrics.attempts import *
        from tests.library.metrics.scrapes import scraped

        with scraped({kind!r}) as scrape:
            is_held = threading.Event()

            def count_slowly():
                with scrape.listener.lock:
                    is_held.set()
                    time.sleep(0.2)

            threading.Thread(target=count_slowly).start()
            is_held.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(120)  # ends a child that inherits the lock, and would wait forever
                tell(scrape.listener, GRANTED)
                os._exit(0)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)], env=os.environ | {'PYTHONPATH': str(ROOT)}, check=True
    )
