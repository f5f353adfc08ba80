"""All checks, in order."""

from collections.abc import Callable, Iterator

from py_cachify.ctl.doctor import of_pools, of_servers
from py_cachify.ctl.doctor.facts import Facts, read_facts
from py_cachify.ctl.doctor.findings import Diagnosis, Finding, Unchecked
from py_cachify.ctl.doctor.following import SECONDS
from py_cachify.ctl.servers import Server


Check = Callable[[Facts], Iterator[Finding | Unchecked]]

CHECKS: tuple[tuple[str, str, Check], ...] = (
    ('version', 'the version of the server', of_servers.check_version),
    ('permissions', 'what the user may do', of_servers.check_permissions),
    ('eviction', 'memory, and keys that are deleted to free it', of_servers.check_eviction),
    ('persistence', 'what a restart forgets', of_servers.check_persistence),
    ('replicas', 'what a failover forgets', of_servers.check_replicas),
    ('clock', 'the clock of the server', of_servers.check_clock),
    ('endless-slots', 'slots that never expire', of_pools.check_endless_slots),
    ('endless-keys', 'keys without an expiry', of_pools.check_endless_keys),
    ('sizes', 'one max_size for one key', of_pools.check_sizes),
    (
        'expiries',
        'slots near their expiry (for bodies past it, look for overrun in the log, the metrics or a recording)',
        of_pools.check_expiries,
    ),
    ('renewals', 'holders that stopped renewing', of_pools.check_renewals),
)
"""The name of each check, what it is about, and the function that makes it."""


def diagnose(server: Server, prefix: str, user: str | None = None, *, seconds: float = SECONDS) -> Diagnosis:
    """Read the facts and make all checks.

    Args:
        server: where.
        prefix: that of all keys.
        user: whose permissions to check; ``None`` for the user of this connection.
        seconds: for how long to follow slots that may come near their expiry.

    Raises:
        redis.RedisError: the server does not answer, or the user may not even list pools.

    Example::

        diagnose(connect('redis://localhost'), 'PYC-').findings
    """
    return judge(read_facts(server, prefix, user, seconds))


def judge(facts: Facts) -> Diagnosis:
    """Make all checks."""
    found = [each for _, _, check in CHECKS for each in check(facts)]
    return Diagnosis(
        tuple((name, about) for name, about, _ in CHECKS),
        tuple(each for each in found if isinstance(each, Finding)),
        tuple(dict.fromkeys(each for each in found if isinstance(each, Unchecked))),
        len(facts.pools),
    )
