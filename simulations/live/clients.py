"""The clients through which a live run reaches its server."""

from typing import Any

from simulations.live.plan import Plan


CONTROL_TIMEOUT = 30.0
"""How many seconds the supervising process waits for an answer."""
_CONNECT = 5.0


def sync_client(plan: Plan, address: str, name: str, threads: int) -> Any:
    """Return a worker's client for this number of threads.

    Args:
        plan: the run.
        address: the URL of the server.
        name: the name that its connections have on the server.
        threads: how many threads use it at the same time.
    """
    import redis
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        address,
        client_name=name,
        retry=Retry(ConstantBackoff(_pause(plan)), plan.retries),
        socket_timeout=plan.timeout,
        socket_connect_timeout=plan.timeout,
        max_connections=2 * threads + 8,
    )


def async_client(plan: Plan, address: str, name: str, tasks: int) -> Any:
    """Return a worker's client for asyncio, with at least one connection for each of its tasks."""
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import ConstantBackoff

    return redis.asyncio.Redis.from_url(
        address,
        client_name=name,
        retry=Retry(ConstantBackoff(_pause(plan)), plan.retries),
        socket_timeout=plan.timeout,
        socket_connect_timeout=plan.timeout,
        max_connections=2 * tasks + 8,
    )


def control_client(address: str) -> Any:
    """Return a client for the supervising process, which sends each request only once."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        address, retry=Retry(NoBackoff(), 0), socket_timeout=CONTROL_TIMEOUT, socket_connect_timeout=_CONNECT
    )


def is_documented(error: BaseException) -> bool:
    """Return whether the error says that the server did not answer, which the library documents.

    An error that the server answered does not count: a script that fails is a broken pool.
    """
    from redis.exceptions import ConnectionError as NotConnectedError
    from redis.exceptions import TimeoutError as TimedOutError

    return isinstance(error, NotConnectedError | TimedOutError | OSError)


def is_server_error(error: BaseException) -> bool:
    """Return whether the server answered with this error, and so refused the request."""
    from redis.exceptions import ResponseError

    return isinstance(error, ResponseError)


def _pause(plan: Plan) -> float:
    network = plan.scenario.network
    return 0.0 if network is None else network.pause / plan.speed
