"""Judge the calls on one name that several callers made at the same time.

The calls are right if there is an order in which each happened at one instant between its call and
its return, and in which each reply follows from the calls before it (linearizability).
"""

import math
from collections.abc import Sequence

from simulations.checking.calls import Call


def linearizable(calls: Sequence[Call]) -> bool:
    """Return whether an order of the calls on one name explains all replies.

    The name does not exist at first, nothing expires, every ``set`` has ``nx``, and no two of them
    have the same value. A call that raised, or that has not returned, may have happened or not.
    """
    calls = sorted(calls, key=lambda call: call.called)
    # A call of unknown outcome can happen at any time after it was made.
    ends = [math.inf if _unknown(call) else call.returned for call in calls]
    needed = sum(1 << place for place, call in enumerate(calls) if not _unknown(call))
    seen: set[tuple[int, str | None]] = set()
    stack: list[tuple[int, str | None]] = [(0, None)]
    while stack:
        state = stack.pop()
        if state in seen:
            continue
        seen.add(state)
        done, value = state
        if done & needed == needed:
            return True
        left = [place for place in range(len(calls)) if not done >> place & 1]
        horizon = min(ends[place] for place in left)
        for place in left:
            if calls[place].called > horizon:
                break
            after = _after(calls[place], value)
            if after is not _IMPOSSIBLE:
                stack.append((done | 1 << place, after))
    return False


_IMPOSSIBLE = '\0 impossible'


def _unknown(call: Call) -> bool:
    return bool(call.error) or math.isinf(call.returned)


def _after(call: Call, value: str | None) -> str | None:
    """Return the value of the name after a call, or ``_IMPOSSIBLE``."""
    if call.request.method == 'delete':
        return None
    if call.request.method == 'get':
        return value if _unknown(call) or call.reply == value else _IMPOSSIBLE
    if _unknown(call):
        return call.request.value if value is None else value
    if call.reply:
        return call.request.value if value is None else _IMPOSSIBLE
    return _IMPOSSIBLE if value is None else value


def evidence(calls: Sequence[Call]) -> list[Call]:
    """Return the few calls that no order explains; an empty list if an order explains all.

    The history is cut after the first return that fits no order. Then every call is left out that
    changes nothing and is not needed for the contradiction.
    """
    if linearizable(calls):
        return []
    returns = sorted(call.returned for call in calls if not _unknown(call))
    low, high = 0, len(returns) - 1
    while low < high:
        middle = (low + high) // 2
        if linearizable(_until(calls, returns[middle])):
            low = middle + 1
        else:
            high = middle
    few = sorted(_until(calls, returns[low]), key=lambda call: call.called)
    place = 0
    while place < len(few):
        without = few[:place] + few[place + 1 :]
        if _changes_nothing(few[place]) and not linearizable(without):
            few = without
        else:
            place += 1
    # A set under way can explain a refusal, or a value that was read, and nothing else.
    refused = any(call.request.method == 'set' and not _unknown(call) and not call.reply for call in few)
    read = {call.reply for call in few if call.request.method == 'get'}
    return [
        call
        for call in few
        if refused or not _unknown(call) or call.request.method != 'set' or call.request.value in read
    ]


def _until(calls: Sequence[Call], instant: float) -> list[Call]:
    return [
        call if call.returned <= instant else call._replace(returned=math.inf, reply=None, text='is still under way')
        for call in calls
        if call.called <= instant
    ]


def _changes_nothing(call: Call) -> bool:
    """Return whether the rest of a right history is still right without this call."""
    if call.request.method == 'get':
        return True
    return call.request.method == 'set' and not _unknown(call) and not call.reply


def reason(calls: Sequence[Call]) -> str:
    """Return in a sentence what is wrong with the calls that :func:`evidence` returned."""
    granted = [call for call in calls if call.request.method == 'set' and call.reply]
    deleted = any(call.request.method == 'delete' for call in calls)
    values = {call.request.value for call in calls if call.request.method == 'set'}
    for call in calls:
        if call.request.method == 'get' and call.reply is not None and call.reply not in values:
            return f'{call.who} received a value that nobody had set'
    if len(granted) > 1 and not deleted:
        first, second = (call.who for call in granted[:2])
        return f'{first} and {second} were both told that they had set the same name, and nobody had deleted it'
    if not granted and any(call.request.method == 'set' and call.reply is False for call in calls):
        return 'a caller was refused although no call can have set the name'
    if len(granted) > 1 and all(call.request.method != 'get' for call in calls):
        return 'more callers were told that they had set the name than the deletions in between allow'
    last = max((call for call in calls if not _unknown(call)), key=lambda call: call.returned)
    return f'no order of these calls explains that {last.who} received {last.text} from {last.request.method}'
