"""Servers that tests start: Redis as Linux distributions ship it, and a cluster of three nodes."""

import os
import shutil
import signal
import socket as sockets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis


@contextmanager
def or_skip(missing: type[Exception]) -> Iterator[None]:
    """Skip the test if this error says that something is missing; in CI, raise it instead."""
    try:
        yield
    except missing as error:
        if os.environ.get('CI'):
            raise
        pytest.skip(str(error))


def end(process: 'subprocess.Popen[Any]') -> None:
    """End a process, with force if it has not ended 30 s after it was asked to.

    JupyterLab rarely hangs after it has shut down its kernels, because a thread of its own waits.
    """
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def redis_server(*options: str) -> Iterator[str]:
    """Start ``redis-server`` with these further options, and yield its unix socket.

    Raises:
        FileNotFoundError: it is not installed.
    """
    with accident_prone_server(*options) as server:
        yield server.socket


class Server:
    """A Redis server to stop and kill; it writes each change to disk before it answers."""

    def __init__(self, folder: str, *options: str) -> None:
        self.socket = str(Path(folder) / 's')
        self._options = options
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it with the data on its disk."""
        options = ['--port', '0', '--unixsocket', self.socket, '--appendonly', 'yes', '--appendfsync', 'always']
        self._process = _start(redis_binary(), self._folder, *options, *self._options)
        _wait_for(redis.Redis(unix_socket_path=self.socket))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; a stopped server neither answers nor closes its connections."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self, *, lose_data: bool = False) -> None:
        """Kill it without warning, and delete its data with ``lose_data``."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        if lose_data:
            shutil.rmtree(Path(self._folder) / 'appendonlydir')


@contextmanager
def accident_prone_server(*options: str) -> Iterator[Server]:
    """Start a server with these further options, which tests can stop and kill."""
    with tempfile.TemporaryDirectory(prefix='redis-') as folder:
        server = Server(folder, *options)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def redis_binary() -> str:
    """Return the path of ``redis-server``.

    Raises:
        FileNotFoundError: it is not installed.
    """
    found = shutil.which('redis-server')
    if found is None:
        raise FileNotFoundError('redis-server is not installed: on Debian and Ubuntu, apt-get install redis-server')
    return found


@contextmanager
def cluster() -> Iterator[int]:
    """Start a cluster of three nodes, and yield the port of one on loopback."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(3)]
        nodes = []
        for port in ports:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='node-'))
            options = ['--port', str(port), '--cluster-enabled', 'yes', '--cluster-port', str(free_port())]
            stack.enter_context(_running(redis_binary(), folder, *options))
            nodes.append(stack.enter_context(redis.Redis(port=port)))
            _wait_for(nodes[-1])
        bounds = [0, 5461, 10923, 16384]
        for node, first, after in zip(nodes, bounds, bounds[1:], strict=False):
            node.execute_command('CLUSTER', 'ADDSLOTSRANGE', first, after - 1)
        for node, port in zip(nodes[1:], ports[1:], strict=True):
            bus = dict(node.config_get('cluster-port'))['cluster-port']
            nodes[0].execute_command('CLUSTER', 'MEET', '127.0.0.1', port, bus)
        until = time.monotonic() + 30
        while not all(_knows_all(node) for node in nodes):
            assert time.monotonic() < until, 'the cluster did not come up'
            time.sleep(0.1)
        yield ports[0]


def _knows_all(node: Any) -> bool:
    info = node.execute_command('CLUSTER', 'INFO')
    info = info if isinstance(info, dict) else dict(line.split(':') for line in info.decode().split())
    return (info['cluster_state'], info['cluster_known_nodes']) == ('ok', '3')


@contextmanager
def _running(binary: str, folder: str, *options: str) -> Iterator[None]:
    process = _start(binary, folder, *options)
    try:
        yield
    finally:
        end(process)


def _start(binary: str, folder: str, *options: str) -> 'subprocess.Popen[bytes]':
    command = [binary, *options, '--bind', '127.0.0.1', '--save', '', '--dir', folder]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _wait_for(client: 'redis.Redis') -> None:
    until = time.monotonic() + 30
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            assert time.monotonic() < until, 'the server did not come up'
            time.sleep(0.02)


def free_port() -> int:
    """Return a port on loopback on which nobody listens."""
    with sockets.socket() as one:
        one.bind(('127.0.0.1', 0))
        return int(one.getsockname()[1])
