"""Requests that are late: their clients no longer wait for them, but they can still arrive."""

from typing import Any, NamedTuple

from py_cachify.commands import Command


class LateRequest(NamedTuple):
    """A request on its way.

    Attributes:
        command: the command.
        offset: the seconds by which the client's own clock was ahead.
        client: the number of the client that sent it.
        what: the operation that it belongs to, ``acquire``, ``renew`` or ``release``.
        token: the token of the operation.
        again: the name of the call by which the monitor knows that the client library sent the
            request again, or goes on without its answer; empty if the client gave up instead.
        left: the seconds after which it no longer arrives.
        given_up: whether the client knows that it may still arrive.
    """

    command: Command[Any]
    offset: float
    client: int
    what: str
    token: str
    again: str
    left: float
    given_up: bool = True


LateRequests = tuple[LateRequest, ...]


def with_late(late: LateRequests, request: LateRequest) -> LateRequests:
    """Return the requests with one more; those of one client stay in the order of their sending."""
    return tuple(sorted((*late, request), key=lambda each: each.client))


def of_client(late: LateRequests, client: int) -> list[LateRequest]:
    """Return the requests of one client, in the order in which they were sent."""
    return [each for each in late if each.client == client]


def passed(late: LateRequests, seconds: float) -> tuple[LateRequests, LateRequests]:
    """Let time pass; return the requests that can still arrive, and those that no longer do."""
    older = [each._replace(left=each.left - seconds) for each in late]
    return tuple(each for each in older if each.left > 0), tuple(each for each in older if each.left <= 0)
