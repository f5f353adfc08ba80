"""A server or a cluster, as ``pool-ctl`` asks it.

Instants are the server's own, by ``TIME``: those of each node of a cluster for the pools that it
keeps.  No error and no attribute contains the URL, because it may have a password.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from py_cachify.backends._opened import SOCKET_TIMEOUT
from py_cachify.backends._url import checked_url
from py_cachify.ctl.names import pattern


if TYPE_CHECKING:
    import redis


DEFAULT_URL = 'redis://localhost'

SCANNED_AT_A_TIME = 1000
"""How many keys the server looks at in one ``SCAN``: few enough to hold up no other client."""

CONNECTIONS = 4

LONGEST_TIMEOUT = 2_000_000
"""The longest time limit of a socket, in seconds: the system takes no more than 2**31 ms."""


class CtlError(Exception):
    """The request cannot be carried out; the text is a sentence for the user."""


class Node(NamedTuple):
    """A server, or one primary of a cluster.

    Attributes:
        name: where it is; empty for a single server.
        client: a client of this node alone.
    """

    name: str
    client: Any


class Server:
    """A server or a cluster.

    Attributes:
        place: where it is, for people.
        client: a client of redis-py.
        is_cluster: whether that is a client of a cluster.
    """

    def __init__(self, client: Any, place: str, *, is_cluster: bool) -> None:
        self.client = client
        self.place = place
        self.is_cluster = is_cluster

    def scan(self, prefix: str, kind: str = 'zset', ending: bytes = b'') -> Iterator[bytes]:
        """Yield the names with a prefix, of a kind, and ending in a pattern, each once.

        A server before Redis 6.0 cannot select the kind, and yields the names of all kinds.
        """
        from redis.exceptions import ResponseError

        match = pattern(prefix) + ending
        seen: set[bytes] = set()
        try:
            for name in self.client.scan_iter(match=match, count=SCANNED_AT_A_TIME, _type=kind):
                if name not in seen:
                    seen.add(name)
                    yield name
        except ResponseError as error:
            if 'syntax' not in str(error).lower() or seen:
                raise
            yield from set(self.client.scan_iter(match=match, count=SCANNED_AT_A_TIME))

    def clock(self) -> Callable[[bytes], float]:
        """Ask for the time; the result says of a name which instant it is where it is kept."""
        instants = {node.name: read_time(node.client) for node in self.nodes()}
        if not self.is_cluster:
            return lambda _: instants['']
        return lambda name: instants.get(self.client.get_node_from_key(name).name, max(instants.values()))

    def ask(self, requests: Sequence[tuple[Any, ...]], *, any_key: bool = False) -> list[Any]:
        """Send many requests at once, and return the answers: an error too is an answer.

        A request is the name of a method of the client and its arguments.  With ``any_key``, that
        the user may not use a key is an answer too.

        Raises:
            redis.RedisError: the user may not send one of them, or the connection failed.
        """
        from redis.exceptions import NoPermissionError

        if not requests:
            return []
        pipeline = self.client.pipeline() if self.is_cluster else self.client.pipeline(transaction=False)
        for method, *arguments in requests:
            getattr(pipeline, method)(*arguments)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, NoPermissionError) and not (any_key and is_of_a_key(answer)):
                raise answer
        return answers

    def nodes(self) -> list[Node]:
        """Return the server, or each primary of the cluster."""
        if not self.is_cluster:
            return [Node('', self.client)]
        found = sorted(self.client.get_primaries(), key=lambda node: str(node.name))
        return [Node(str(node.name), self.client.get_redis_connection(node)) for node in found]

    def close(self) -> None:
        """Close its connections."""
        with suppress(Exception):
            self.client.close()


def connect(url: str, *, cluster: bool = False, source: str = '--url') -> Server:
    """Return the server at a URL; it is recognised by itself whether that is a node of a cluster.

    Args:
        url: as for ``init_cachify()``.
        cluster: do not ask, because the user may not: it is one.
        source: where the URL comes from, for errors.

    Raises:
        CtlError: the URL is malformed, or the package ``redis`` is not installed.
        redis.RedisError: the server does not answer, or refuses the user.
    """
    options = read_url(url, source)
    place = _place(options)
    if not cluster:
        server = Server(_open(options, source), place, is_cluster=False)
        with _options_accepted(source):
            is_cluster = _is_node_of_cluster(server.client)
        if not is_cluster:
            return server
        server.close()
    if 'path' in options:
        raise CtlError('a cluster cannot be reached through a unix socket: pass the URL of a node, redis://host:port')
    return Server(_open_cluster(options), f'cluster at {place}', is_cluster=True)


def is_of_a_key(error: Exception) -> bool:
    """Return whether a user was refused because of the key, not because of the command."""
    text = str(error).lower()
    return 'key' in text and 'run the' not in text


def read_time(client: Any) -> float:
    """Return a server's time in seconds since 1970."""
    seconds, microseconds = client.time()
    return int(seconds) + int(microseconds) / 1e6


def read_url(url: str, source: str) -> dict[str, Any]:
    """Return the options in a URL; those of the connection's class too.

    Raises:
        CtlError: the URL is malformed, or the package ``redis`` is not installed.
    """
    try:
        import redis.connection
    except ModuleNotFoundError as error:
        raise CtlError(needs('redis')) from error
    try:
        checked = checked_url(url)
    except ValueError as error:
        problem = (
            str(error)
            .replace('sync_client is', f'{source} is')
            .replace('sync_client must be a client, or', f'{source} must be')
        )
        raise CtlError(problem) from None
    try:
        found: dict[str, Any] = redis.connection.parse_url(checked)  # type: ignore[no-untyped-call]
    except Exception as error:
        # Its text may show parts of the URL.
        raise _bad_option(error, source) from None
    # Only a pool of connections that waits has this time limit.
    found.pop('timeout', None)
    found['decode_responses'] = False
    for name in ('socket_timeout', 'socket_connect_timeout'):
        if name in found and not 0 < found[name] <= LONGEST_TIMEOUT:
            raise CtlError(
                f'{source} has {name}={found[name]:g}: it must be a number of seconds above 0, and at most'
                f' {LONGEST_TIMEOUT:,}'
            )
    return {'socket_timeout': SOCKET_TIMEOUT, 'socket_connect_timeout': SOCKET_TIMEOUT, **found}


def _bad_option(error: Exception, source: str) -> CtlError:
    return CtlError(f'{source} has an option after the ? that redis-py does not accept ({type(error).__name__})')


@contextmanager
def _options_accepted(source: str) -> Iterator[None]:
    """Raise a ``CtlError`` for an option that redis-py refuses only when it opens a connection."""
    try:
        yield
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise _bad_option(error, source) from None


def needs(package: str) -> str:
    """Return a sentence that says how to install a missing package."""
    return f"pool-ctl needs the package {package}: install the extra `ctl`, pip install 'py-cachify-lab[ctl]'"


def _place(options: dict[str, Any]) -> str:
    if 'path' in options:
        return str(options['path'])
    return f'{options.get("host", "localhost")}:{options.get("port", 6379)}'


def _open(options: dict[str, Any], source: str) -> 'redis.Redis':
    import redis
    import redis.backoff
    import redis.retry

    errors: list[type[Exception]] = [redis.ConnectionError]
    retry: dict[str, Any] = {
        'retry': redis.retry.Retry(redis.backoff.NoBackoff(), 1, supported_errors=tuple(errors)),
        'retry_on_error': errors,
    }
    try:
        pool = redis.ConnectionPool(**{**retry, **options})
        pool.make_connection()
    except Exception as error:
        raise _bad_option(error, source) from None
    return redis.Redis(connection_pool=pool)


def _open_cluster(options: dict[str, Any]) -> Any:
    import redis
    from redis.cluster import RedisCluster

    kept = {name: value for name, value in options.items() if name not in ('db', 'connection_class')}
    if options.get('connection_class') is redis.SSLConnection:
        kept['ssl'] = True
    return RedisCluster(**{'host': 'localhost', 'port': 6379, **kept})


def _is_node_of_cluster(client: Any) -> bool:
    """Return whether a server is a node of a cluster; false if it does not say."""
    from redis.exceptions import ResponseError

    try:
        # No access list can forbid it.
        answer = client.execute_command('HELLO')
        pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=False)
        return any((as_text(name), as_text(value)) == ('mode', 'cluster') for name, value in pairs)
    except ResponseError:
        pass
    try:
        # A server before Redis 6.0.
        return bool(int(client.info('cluster').get('cluster_enabled', 0)))
    except ResponseError:
        return False


def as_text(answer: Any) -> str:
    """Return an answer of a server as text, whether the client has decoded it or not."""
    return answer.decode(errors='replace') if isinstance(answer, bytes) else str(answer)
