"""The checks of a server and of its users: each takes the facts and yields what it found."""

from collections.abc import Iterator, Mapping
from typing import Any

from py_cachify.ctl.doctor.facts import CLOCK_TOLERANCE, Facts, NodeFacts
from py_cachify.ctl.doctor.findings import Finding, Unchecked
from py_cachify.ctl.doctor.permissions import FENCING, POOLS, WAITING
from py_cachify.ctl.texts import duration


Found = Iterator[Finding | Unchecked]

OLDEST = (5, 0)
"""The oldest version of Redis with which the library works."""

NEARLY_FULL = 0.9
"""From this share of ``maxmemory`` on, memory is a finding."""

LAG = 10
"""A replica that was silent for so many seconds lags behind."""

_NO_INFO = 'the user may not run INFO: allow +info'


def check_version(facts: Facts) -> Found:
    """Find a server that is too old."""
    for node, info in _infos(facts):
        version = str(info.get('redis_version', ''))
        parts = tuple(int(part) for part in version.split('.')[:2] if part.isdigit())
        if parts and parts < OLDEST:
            yield Finding(
                'version',
                f'{_the_server(node)} is Redis {version}.',
                'The scripts of pools need Redis 5.0 or later, which replicates their effects: an older server refuses'
                ' them, so no slot can be taken.',
                'Upgrade to a release of Redis or Valkey that is still maintained.',
            )
    yield from _without_info('version', facts)


def check_permissions(facts: Facts) -> Found:
    """Find what a user of pools needs and may not do, or the server does not have."""
    permissions = facts.permissions
    if permissions.unknown is not None:
        yield Unchecked('permissions', permissions.unknown)
        return
    name = 'The user' if permissions.user is None else f'The user {permissions.user!r}'
    reasons = {
        POOLS: 'Without them, entering a pool, leaving it or asking for its size raises an error.',
        WAITING: 'Without them, waiters hear of free slots only when they ask, several times a second.',
        FENCING: 'Pools here draw fencing tokens, and without them entering such a pool raises an error.',
    }
    for purpose, reason in reasons.items():
        missing = [each.command for each in permissions.missing if each.purpose == purpose]
        if purpose == FENCING and not permissions.fences:
            continue
        if absent := [each.command for each in permissions.absent if each.purpose == purpose]:
            yield Finding(
                'permissions',
                f'The server does not have {", ".join(absent)}.',
                reason,
                'Delete the lines of its configuration that rename or disable them (rename-command), and restart it;'
                ' restrict users with ACL SETUSER instead. Of a hosted service, ask the provider.',
            )
        if purpose != POOLS:
            # Without the keys nothing works, which is said once.
            missing = [each for each in missing if not each.startswith('~')]
        if missing:
            rules = ' '.join(each if each[0] in '~&' else f'+{each.lower()}' for each in missing)
            yield Finding(
                'permissions',
                f'{name} may not use {", ".join(missing)}.',
                reason,
                f'Allow it: ACL SETUSER {permissions.user or "NAME"} {rules}; if this user only looks at pools, check'
                ' that of your program with --user NAME.',
            )


def check_eviction(facts: Facts) -> Found:
    """Find a server that may delete pools to free memory, or refuses more of them."""
    for node, info in _infos(facts):
        policy = str(info.get('maxmemory_policy', 'noeviction'))
        limit, used = int(info.get('maxmemory', 0)), int(info.get('used_memory', 0))
        if limit and policy != 'noeviction':
            yield Finding(
                'eviction',
                f'{_the_server(node)} deletes keys to free memory (maxmemory-policy {policy}).',
                'It may delete a pool whose slots are held, even with a volatile policy, because pools expire: others'
                ' then get the same slots, and more than max_size bodies run.',
                'Set maxmemory-policy to noeviction, or keep pools on a server of their own.',
            )
        elif limit and used > NEARLY_FULL * limit:
            yield Finding(
                'eviction',
                f'{_the_server(node)} uses {used / limit:.0%} of its maxmemory.',
                'When it is full, it refuses to give out the first slot of a pool.',
                'Raise maxmemory, or free memory.',
            )
    yield from _without_info('eviction', facts)


def check_persistence(facts: Facts) -> Found:
    """Find a server that forgets slots when it restarts, or cannot save."""
    for node, info in _infos(facts):
        aof = str(info.get('aof_enabled', 0)) == '1'
        settings = node.settings or {}
        if info.get('aof_last_write_status', 'ok') != 'ok' and aof:
            yield _cannot_save(node, 'append to its log', 'A server that cannot save refuses writes:')
        if info.get('rdb_last_bgsave_status', 'ok') != 'ok':
            # A server without save points grants slots although a BGSAVE failed.
            if 'save' not in settings or 'stop-writes-on-bgsave-error' not in settings:
                unless = 'If it has save points, it refuses writes, unless stop-writes-on-bgsave-error is no:'
                yield _cannot_save(node, 'save a snapshot', unless)
            elif settings['save'].strip() and settings['stop-writes-on-bgsave-error'] != 'no':
                yield _cannot_save(node, 'save a snapshot', 'A server that cannot save refuses writes:')
        if aof:
            continue
        # Snapshots are known only from the settings.
        none = ', nor any snapshot' if node.settings is not None and not settings.get('save', '').strip() else ''
        yield Finding(
            'persistence',
            f'{_the_server(node)} keeps no log of its changes{none}.',
            'A restart forgets the slots that were taken since the last snapshot, or all of them if there is none:'
            ' their holders run on, and others get the same slots.',
            'Set appendonly to yes. If more than max_size bodies do no lasting harm for the time of one slot_exp,'
            ' this can stay as it is.',
        )
    yield from _without_info('persistence', facts)


def _cannot_save(node: NodeFacts, what: str, reason: str) -> Finding:
    return Finding(
        'persistence',
        f'{_the_server(node)} could not {what} the last time.',
        f'{reason} no slot can be taken, and none given back.',
        'Look into its log; most often its disk is full, or its folder is not writable.',
    )


def check_replicas(facts: Facts) -> Found:
    """Find a replica in place of a primary, and replicas that do not protect the slots."""
    for node, info in _infos(facts):
        if info.get('role') == 'slave':
            yield Finding(
                'replicas',
                f'{_the_server(node)} is a replica of {info.get("master_host")}:{info.get("master_port")}.',
                'A replica refuses writes: size() works here, and no slot can be taken or given back.',
                'Connect to the primary, or through Sentinel.',
            )
            continue
        replicas = [value for name, value in info.items() if name.startswith('slave') and isinstance(value, dict)]
        if not int(info.get('connected_slaves', 0)):
            continue
        late = [each for each in replicas if each.get('state') != 'online' or int(each.get('lag', 0)) > LAG]
        if late:
            yield Finding(
                'replicas',
                f'{len(late)} of {len(replicas)} replicas of {_the_server(node).lower()} are late or still loading.',
                'After a failover to such a replica, the slots that it has not heard of are given to others too.',
                'Find what holds the replica up: its network, its disk, or client-output-buffer-limit.',
            )
        if node.settings is None:
            yield Unchecked('replicas', 'whether writes wait for replicas: the user may not run CONFIG GET')
        elif node.settings.get('min-replicas-to-write', '0') == '0':
            yield Finding(
                'replicas',
                f'{_the_server(node)} has replicas, and grants slots even when it is cut off from all of them'
                ' (min-replicas-to-write 0).',
                'Then a replica becomes primary and grants the same slots again, while holders of the old primary run'
                ' on.',
                'Set min-replicas-to-write to 1; a failover may still lose the last writes, against which only a'
                ' fencing token helps.',
            )
    yield from _without_info('replicas', facts)


def check_clock(facts: Facts) -> Found:
    """Find a clock that steps now, or has gone back while slots were taken."""
    for node in facts.nodes:
        if abs(node.step) > CLOCK_TOLERANCE:
            direction = 'ahead' if node.step > 0 else 'back'
            yield Finding(
                'clock',
                f'The clock of {_the_server(node).lower()} stepped {direction} by {duration(abs(node.step))} while it'
                ' was watched.',
                'A step ahead ends slots too early, so others get them while their holders run; a step back keeps those'
                ' of crashed holders too long.',
                'Let its clock be slewed instead of stepped: chronyd without makestep, or ntpd -x.',
            )
    pools = [each for each in facts.pools if each.ahead > CLOCK_TOLERANCE]
    if pools:
        yield Finding(
            'clock',
            f'Slots or waiters live up to {duration(max(each.ahead for each in pools))} longer than their full life.',
            'The clock of the server went back since they were taken, or a failover went to a server with another'
            ' clock: slots of crashed holders stay taken longer, by as much.',
            'Let the clocks of all servers be slewed instead of stepped, by NTP.',
            tuple(each.key for each in pools),
        )


def _infos(facts: Facts) -> Iterator[tuple[NodeFacts, Mapping[str, Any]]]:
    for node in facts.nodes:
        if node.info is not None:
            yield node, node.info


def _without_info(check: str, facts: Facts) -> Iterator[Unchecked]:
    if any(node.info is None for node in facts.nodes):
        yield Unchecked(check, _NO_INFO)


def _the_server(node: NodeFacts) -> str:
    return f'The node {node.name}' if node.name else 'The server'
