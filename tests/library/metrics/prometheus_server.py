"""A real Prometheus server, which scrapes a test's metrics and answers its queries."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.servers import end, free_port


class NoPrometheusError(Exception):
    """There is no command ``prometheus``."""


class PrometheusServer:
    """Where it listens on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, **arguments: str) -> Any:
        """Return the data of an answer of the HTTP API.

        Raises:
            urllib.error.HTTPError: the server refused it, such as a query that it cannot parse.
        """
        url = f'http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(arguments)}'
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)['data']

    def has_scraped(self, query: str) -> bool:
        """Whether an instant query has a result."""
        return bool(self.ask('query', query=query)['result'])


@contextmanager
def prometheus_server(folder: Path, scraped_port: int, seconds: float = 0.25) -> Iterator[PrometheusServer]:
    """A server that scrapes 127.0.0.1 at this port, every so many seconds.

    Raises:
        NoPrometheusError: there is none on this machine.
    """
    binary = shutil.which('prometheus')
    if binary is None:
        raise NoPrometheusError('there is no command prometheus: apt-get install prometheus')
    settings = folder / 'prometheus.yml'
    settings.write_text(f"""
        global: {{scrape_interval: {round(seconds * 1000)}ms}}
        scrape_configs: [{{job_name: pools, static_configs: [{{targets: ['127.0.0.1:{scraped_port}']}}]}}]
    """)
    port = free_port()
    command = [
        binary,
        f'--config.file={settings}',
        f'--storage.tsdb.path={folder / "data"}',
        f'--web.listen-address=127.0.0.1:{port}',
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = PrometheusServer(port)
        while True:
            assert process.poll() is None, f'{command} ended with {process.returncode}'
            try:
                server.ask('status/buildinfo')
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
            else:
                break
        yield server
    finally:
        end(process)
