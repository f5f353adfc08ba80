"""Judge the calls of many clients by what is certain, no matter when the store acted.

* *grants*: a lease, a slot that a client was granted, surely lasts from the return of its acquire
  to the call of its release, or to its earliest possible expiry. More than ``max_size`` such leases
  at the same time are a violation.
* *honest refusal*: a slot is possibly taken from the call of its acquire to the return of its
  release, or to its latest possible expiry. A refusal is wrong if fewer than ``max_size`` slots
  were possibly taken throughout. If acquires wait, those that were refused in the end count as
  well while they waited. An observer of the store also sees how many waited: one that timed out may
  have waited behind others, and one that found too many waiting is wrong if fewer than
  ``max_waiting`` waited throughout.
* *own release*: a release must not succeed if its slot had surely expired. It must not report
  its slot as gone if the slot had surely not expired and nobody else released it.
* *renewal*: the same of a renewal. One that succeeded gives the slot its full life again, from an
  instant between its call and its return; one of unknown outcome may have.

Promises that rest on lost writes are not judged. A protocol is judged only by its own promises; any
other anomaly is reported by name, as a *limit*.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from simulations.judging.calls import (
    CROWDED,
    FAILED,
    GRANTED,
    REFUSALS,
    RELEASE,
    RELEASED,
    RENEW,
    RENEWED,
    TIMED_OUT,
    TOO_LATE,
    UNKNOWN,
    Call,
)
from simulations.judging.terms import Terms
from simulations.judging.violation import Violation


LOST_WRITES, NOT_ITS_OWN, SPURIOUS, TAKEN_TWICE = LIMITS = (
    'lost writes',
    'not its own',
    'spurious refusal',
    'taken twice',
)
"""The limits: of a store that loses writes, and of the plain contract."""
MOST_NAMES = 8
"""The largest number of holders that a message names."""


class Seen(NamedTuple):
    """What an observer who reads the store after each command saw.

    Attributes:
        levels: for each pool, pairs of an instant and the number of slots taken from then on.
        removed: when a token's slot was removed before it expired, by anyone.
        waiting: for each pool, pairs of an instant and the number of those who wait from then on.
    """

    levels: Mapping[str, Sequence[tuple[float, int]]]
    removed: Mapping[str, float]
    waiting: Mapping[str, Sequence[tuple[float, int]]] = {}


class Judged(NamedTuple):
    """The verdict.

    Attributes:
        violations: the broken promises, in order of time.
        limits: anomalies that the protocol does not promise to prevent.
        grants: the number of judged grants.
        refusals: the number of judged refusals.
        unknown: the calls that may or may not have happened.
        most: the largest number of leases that surely lasted at the same time, in one pool.
    """

    violations: list[Violation]
    limits: list[Violation]
    grants: int
    refusals: int
    unknown: int
    most: int


class _Lease(NamedTuple):
    """A granted slot: how long it surely and how long it possibly lasted.

    Attributes:
        acquired, released: its calls.
        earliest, latest: when it expires, renewals included.
        renewed: the renewals that succeeded.
    """

    acquired: Call
    released: Call | None
    earliest: float
    latest: float
    renewed: Sequence[Call] = ()


def judge(calls: Sequence[Call], terms: Terms, seen: Seen | None = None) -> Judged:
    """Judge calls, given in any order.

    Args:
        calls: the calls of all clients, including those that never returned.
        terms: the promises.
        seen: what an observer of the store saw; without it, refusals are judged by what clients
            received.

    Example::

        judge(result.calls, Terms(max_size=5, slot_exp=60.0)).violations
    """
    leases: dict[str, list[_Lease]] = defaultdict(list)
    releases = {call.token: call for call in calls if call.what == RELEASE}
    renewals: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.what == RENEW:
            renewals[call.token].append(call)
    violations: list[Violation] = []
    limits: list[Violation] = []
    refusals: dict[str, list[Call]] = defaultdict(list)
    possible: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for call in calls:
        if call.what in (RELEASE, RENEW):
            continue
        if call.answer in REFUSALS:
            refusals[call.key].append(call)
            if terms.waiting:
                possible[call.key] += [(call.called, 1), (call.returned, -1)]
        else:
            # The first request of the client library may have taken the slot again after the grant.
            taken_by = max(call.returned, call.settled) if call.repeated else call.returned
            lease = _Lease(call, releases.get(call.token), *terms.life(min(call.asked, taken_by), taken_by))
            for renewal in sorted(renewals.get(call.token, ()), key=lambda each: (each.called, each.returned)):
                wrong = _renewal(renewal, lease, terms)
                (limits if wrong and wrong[0].rule in LIMITS else violations).extend(wrong)
                lease = _after(renewal, lease, terms)
            possible[call.key] += [(call.called, 1), (_possibly_until(lease, terms), -1)]
            if call.answer == GRANTED:
                leases[call.key].append(lease)
    most = 0
    for key, granted in leases.items():
        judged, lost, peak = _grants(granted, terms, key, {} if seen is None or terms.owned else seen.removed)
        violations += judged
        limits += lost
        most = max(most, peak)
        for lease in granted:
            wrong = _release(lease, terms)
            (limits if wrong and wrong[0].rule in LIMITS else violations).extend(wrong)
    for key, refused in refusals.items():
        levels = _levels(possible[key]) if seen is None else seen.levels.get(key, ())
        # Where those that wait count, the one that is refused is among them.
        least = terms.max_size + 1 if terms.waiting and seen is None else terms.max_size
        unfair = _refusals(refused, levels, least, terms, key, None if seen is None else seen.waiting.get(key))
        violations += unfair if terms.honest else []
        limits += [] if terms.honest else [each._replace(rule=SPURIOUS) for each in unfair]
    return Judged(
        sorted(violations, key=lambda each: each.time),
        sorted(limits, key=lambda each: each.time),
        sum(map(len, leases.values())),
        sum(map(len, refusals.values())),
        sum(call.answer == UNKNOWN for call in calls),
        most,
    )


def _renewal(renewal: Call, lease: _Lease, terms: Terms) -> list[Violation]:
    """Return what is wrong with the answer to a renewal, given those before it."""
    token, key, released = renewal.token, _named(renewal.key), lease.released
    if renewal.answer == RENEWED:
        if renewal.called >= lease.latest:
            words = f'{token} renewed a slot{key} that had expired at {lease.latest:.6g} s at the latest'
            return [Violation('renewal', renewal.returned, words)]
        if released is not None and released.answer == RELEASED and released.returned <= renewal.called:
            rule = LOST_WRITES if _may_be_lost(lease, terms, renewal.returned) else 'renewal'
            words = f'{token} renewed a slot{key} that it had released at {released.returned:.6g} s'
            return [Violation(rule, renewal.returned, words)]
        return []
    earliest = lease.earliest
    if renewal.repeated:
        # Its first copy may have made the life shorter, if the store's clock has gone back.
        earliest = min(earliest, terms.life(renewal.called, renewal.returned)[0])
    if renewal.answer == UNKNOWN or renewal.returned >= earliest:
        return []
    if released is not None and released.called <= renewal.returned:
        return []
    rule = LOST_WRITES if _may_be_lost(lease, terms, renewal.returned) else 'renewal'
    words = (
        f'the renewal of {token} reported its slot{key} as gone,'
        f' although it expires at {earliest:.6g} s at the earliest'
    )
    return [Violation(rule, renewal.returned, words)]


def _after(renewal: Call, lease: _Lease, terms: Terms) -> _Lease:
    """Return a lease after a renewal."""
    if renewal.answer == TOO_LATE:
        return lease
    # It may have happened, or happen again, until the last request was carried out, but revives
    # nothing.
    late = renewal.answer == UNKNOWN or renewal.repeated
    until = max(renewal.returned, renewal.settled) if late else renewal.returned
    earliest, latest = terms.life(renewal.called, max(renewal.called, min(until, lease.latest)))
    if renewal.answer == UNKNOWN:
        # If the store's clock has gone back meanwhile, it may have made the life shorter.
        return lease._replace(earliest=min(lease.earliest, earliest), latest=max(lease.latest, latest))
    return lease._replace(earliest=earliest, latest=max(lease.latest, latest), renewed=[*lease.renewed, renewal])


def _may_be_lost(lease: _Lease, terms: Terms, until: float) -> bool:
    """Return whether the store may have lost the slot, or a renewal of it, up to an instant."""
    return any(lease.acquired.asked < loss.instant <= until for loss in terms.losses)


def _named(key: str) -> str:
    return f' of the pool {key!r}' if key else ''


def _possibly_until(lease: _Lease, terms: Terms) -> float:
    """Return the latest instant at which the slot may have been in the store."""
    acquired, released = lease.acquired, lease.released
    if acquired.answer == UNKNOWN or (acquired.repeated and acquired.settled > acquired.returned):
        # It may happen, or happen again, at any later instant.
        return math.inf
    if acquired.answer == FAILED or released is None or released.answer == UNKNOWN:
        return lease.latest
    for loss in terms.losses:
        # The release is one of the lost writes.
        if acquired.asked < loss.instant and released.returned > loss.instant - loss.missing:
            return lease.latest
    return min(released.returned, lease.latest)


def _surely_until(lease: _Lease) -> float:
    """Return the instant until which its holder surely has the slot."""
    return lease.earliest if lease.released is None else min(lease.released.called, lease.earliest)


def _promised_until(lease: _Lease, terms: Terms, removed: Mapping[str, float]) -> float:
    """Return the instant until which its holder is promised the slot."""
    acquired = lease.acquired
    lost = (
        loss.instant
        for loss in terms.losses
        for call in (acquired, *lease.renewed)
        if call.asked < loss.instant and call.returned > loss.instant - loss.missing
    )
    return min(_surely_until(lease), min(lost, default=math.inf), removed.get(acquired.token, math.inf))


def _grants(
    leases: Sequence[_Lease], terms: Terms, key: str, removed: Mapping[str, float]
) -> tuple[list[Violation], list[Violation], int]:
    """Return the violations, the limits, and the largest number of sure leases at one time."""
    at_all, most = _too_many([(lease, _surely_until(lease)) for lease in leases], terms, key)
    if not terms.losses and not removed:
        return at_all, [], most
    wrong, _ = _too_many([(lease, _promised_until(lease, terms, removed)) for lease in leases], terms, key)
    known = {each.time for each in wrong}
    rule = LOST_WRITES if terms.losses else NOT_ITS_OWN
    return wrong, [each._replace(rule=rule) for each in at_all if each.time not in known], most


def _too_many(leases: Iterable[tuple[_Lease, float]], terms: Terms, key: str) -> tuple[list[Violation], int]:
    """Return where more than ``max_size`` clients had a slot."""
    changes: list[tuple[float, int, str]] = []
    for lease, until in leases:
        if (since := lease.acquired.returned) < until:
            changes += [(since, 1, lease.acquired.token), (until, -1, lease.acquired.token)]
    found: list[Violation] = []
    holders: dict[str, None] = {}
    most = 0
    # At one instant, releases come first: those clients surely hold nothing any longer.
    for instant, change, token in sorted(changes):
        if change < 0:
            del holders[token]
            continue
        holders[token] = None
        most = max(most, len(holders))
        if len(holders) > terms.max_size:
            names = ', '.join(list(holders)[-MOST_NAMES:])
            words = (
                f'{len(holders)} clients hold a slot{_named(key)} at the same time,'
                f' but max_size is {terms.max_size}: {names}'
            )
            found.append(Violation('grants', instant, words))
    return found, most


def _release(lease: _Lease, terms: Terms) -> list[Violation]:
    """Return what is wrong with a release."""
    released = lease.released
    if released is None or released.answer not in (RELEASED, TOO_LATE):
        return []
    token, key = released.token, _named(released.key)
    if released.answer == RELEASED:
        if released.called < lease.latest:
            return []
        words = f'{token} released a slot{key} that had expired at {lease.latest:.6g} s at the latest'
        return [Violation('own release', released.returned, words)]
    if released.returned >= lease.earliest or released.repeated:
        return []
    lost = _may_be_lost(lease, terms, released.returned)
    rule = LOST_WRITES if lost else 'own release' if terms.owned else NOT_ITS_OWN
    words = (
        f'the release of {token} reported its slot{key} as gone,'
        f' although it expires at {lease.earliest:.6g} s at the earliest'
    )
    return [Violation(rule, released.returned, words)]


def _levels(changes: Iterable[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return pairs of an instant and the count from then on; increases come first."""
    levels: list[tuple[float, int]] = []
    level = 0
    for instant, change in sorted(changes, key=lambda each: (each[0], -each[1])):
        level += change
        levels.append((instant, level))
    return levels


def _refusals(
    refused: Sequence[Call],
    levels: Sequence[tuple[float, int]],
    least: int,
    terms: Terms,
    key: str,
    waiting: Sequence[tuple[float, int]] | None,
) -> list[Violation]:
    """Return the refusals for which there cannot have been a reason.

    Without ``waiting``, the level must have been ``least`` or more.
    """
    full = _Spans(levels, least)
    # The one that timed out waited itself.
    others, crowd = _Spans(waiting or (), 2), _Spans(waiting or (), terms.max_waiting or 0)
    waited = ' or waited for' if terms.waiting else ''
    found: list[Violation] = []
    for call in sorted(refused, key=lambda call: call.called):
        why = f'fewer than {terms.max_size} slots were taken{waited} throughout'
        if call.answer == CROWDED and waiting is not None:
            if not terms.max_waiting or crowd.meet(call):
                continue
            why = f'fewer than {terms.max_waiting} waited throughout'
        elif full.meet(call) or (call.answer == TIMED_OUT and others.meet(call)):
            continue
        when = f'from {call.called:.6g} to {call.returned:.6g} s'
        pool = f' by the pool {key!r}' if key else ''
        found.append(Violation('honest refusal', call.returned, f'{call.token} was refused{pool} {when}, but {why}'))
    return found


class _Spans:
    """The spans with at least this many, for calls in the order of their instants."""

    def __init__(self, levels: Sequence[tuple[float, int]], count: int) -> None:
        self._spans = _full_spans(levels, count)
        self._place = 0

    def meet(self, call: Call) -> bool:
        """Return whether one of the spans has an instant of the call."""
        spans = self._spans
        while self._place < len(spans) and spans[self._place][1] < call.called:
            self._place += 1
        return self._place < len(spans) and spans[self._place][0] <= call.returned


def _full_spans(levels: Sequence[tuple[float, int]], max_size: int) -> list[tuple[float, float]]:
    """Return the spans with at least this many taken slots, including spans of no length."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for instant, level in levels:
        if level >= max_size:
            since = instant if since is None else since
        elif since is not None:
            spans.append((since, instant))
            since = None
    if since is not None:
        spans.append((since, math.inf))
    return spans
