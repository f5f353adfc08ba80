"""The clients by which a live run reaches its server."""

from typing import Any

from simulations.live.plan import Plan


CONTROL_TIMEOUT = 30.0
"""Seconds that those who watch a run wait for an answer."""
_CONNECT = 5.0


def sync_client(plan: Plan, address: str, name: str, threads: int) -> Any:
    """A worker's client for so many threads; ``name`` is what the server calls its connections."""
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
    """A worker's client for asyncio, with a connection for each of its tasks."""
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
    """A client for those who watch, cause accidents and clean up: it asks once."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        address, retry=Retry(NoBackoff(), 0), socket_timeout=CONTROL_TIMEOUT, socket_connect_timeout=_CONNECT
    )


def announced(error: BaseException) -> bool:
    """Whether it says that the server did not answer, which the library's documentation lets pass through.

    An answer that is an error is none of these: a script that fails is a broken pool.
    """
    from redis.exceptions import ConnectionError as NotConnectedError
    from redis.exceptions import TimeoutError as TimedOutError

    return isinstance(error, NotConnectedError | TimedOutError | OSError)


def refused(error: BaseException) -> bool:
    """Whether it is an answer of the server: that it will not, or cannot, do what it was asked."""
    from redis.exceptions import ResponseError

    return isinstance(error, ResponseError)


def _pause(plan: Plan) -> float:
    network = plan.scenario.network
    return 0.0 if network is None else network.pause / plan.speed
