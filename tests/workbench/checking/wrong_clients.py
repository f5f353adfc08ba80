"""Clients that look right and are not, one mistake each, and the clauses that name the mistake.

Those in this file keep their values in a dictionary, in the files of a folder, or on a server that
the test starts.
"""

import asyncio
import fnmatch
import hashlib
import json
import math
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.stores import DictClient


class GetThenSet:
    """It checks and then sets, without a lock."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[Any, float]] = {}

    def get(self, name: str) -> Any:
        value, until = self.values.get(name, (None, -math.inf))
        return value if time.monotonic() < until else None

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        if nx and self.get(name) is not None:
            return False
        self.values[name] = value, time.monotonic() + (math.inf if ex is None else ex)
        return True

    def delete(self, *names: str) -> None:
        for name in names:
            self.values.pop(name, None)


class AsyncGetThenSet:
    """It awaits the reply of its check before it sets."""

    def __init__(self) -> None:
        self.store = DictClient()

    async def get(self, name: str) -> Any:
        reply = self.store.get(name)
        await asyncio.sleep(0)
        return reply

    async def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        if nx and await self.get(name) is not None:
            return False
        return self.store.set(name, value, ex)

    async def delete(self, *names: str) -> None:
        self.store.delete(*names)


class SharedBuffer(DictClient):
    """It puts each request into one buffer that all threads share, and so mixes them up."""

    def get(self, name: str) -> Any:
        self.buffer = name
        return super().get(self.buffer)

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        self.buffer = name
        return super().set(self.buffer, value, ex, nx)


class OneThreadOnly(DictClient):
    """It refuses to work in any thread but the one that made it, like a connection of sqlite3."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        if threading.get_ident() != self.thread:
            raise RuntimeError('made in another thread')
        return super().set(name, value, ex, nx)


class IgnoresNx(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, ex)


class AlwaysOk(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
        super().set(name, value, ex, nx)
        return 'OK'


class SilentSuccess(DictClient):
    """It returns nothing when it has set a name."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> Any:
        return None if super().set(name, value, ex, nx) else False


class RaisesWhenMissing(DictClient):
    def get(self, name: str) -> Any:
        if name not in self.values:
            raise KeyError(name)
        return super().get(name)


class EmptyWhenMissing(DictClient):
    def get(self, name: str) -> Any:
        reply = super().get(name)
        return '' if reply is None else reply

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        with self.lock:
            if nx and self.get(name):
                return False
            self.values[name] = value, self.clock() + (math.inf if ex is None else ex)
            return True


class DeletesByPrefix(DictClient):
    def delete(self, *names: str) -> None:
        super().delete(*(there for there in list(self.values) if there.startswith(names)))


class DeletesByPattern(DictClient):
    def delete(self, *names: str) -> None:
        super().delete(*(there for there in list(self.values) for name in names if fnmatch.fnmatchcase(there, name)))


class DeleteRaises(DictClient):
    def delete(self, *names: str) -> None:
        for name in names:
            del self.values[name]


class DeletesNothing(DictClient):
    def delete(self, *names: str) -> None:
        pass


class IgnoresCase(DictClient):
    def get(self, name: str) -> Any:
        return super().get(name.lower())

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name.lower(), value, ex, nx)

    def delete(self, *names: str) -> None:
        super().delete(*(name.lower() for name in names))


class CutsNames(IgnoresCase):
    """Only the first 250 characters of a name count."""

    def get(self, name: str) -> Any:
        return DictClient.get(self, name[:250])

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return DictClient.set(self, name[:250], value, ex, nx)

    def delete(self, *names: str) -> None:
        DictClient.delete(self, *(name[:250] for name in names))


class CutsValues(DictClient):
    """Only the first 255 characters of a value are stored."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value[:255], ex, nx)


class ParsesValues(DictClient):
    """It reads a value as JSON if it can."""

    def get(self, name: str) -> Any:
        value = super().get(name)
        try:
            return value if value is None else json.loads(value)
        except ValueError:
            return value


class CountsSets(DictClient):
    """After eight sets of one name it no longer looks whether the name exists."""

    def __init__(self) -> None:
        super().__init__()
        self.sets: dict[str, int] = {}

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        self.sets[name] = self.sets.get(name, 0) + 1
        return super().set(name, value, ex, nx and self.sets[name] != 8)


class NeverExpires(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, None, nx)


class Milliseconds(DictClient):
    """It takes the expiry for a number of milliseconds."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, None if ex is None else ex / 1000, nx)  # type: ignore[arg-type]


class ExpiryWithoutNxOnly(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, None if nx else ex, nx)


class NxSeesTheExpired(DictClient):
    """Its get knows that a name has expired, its nx does not."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        with self.lock:
            if nx and name in self.values:
                return False
            self.values[name] = value, self.clock() + (math.inf if ex is None else ex)
            return True


class TwoSecondsLate(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, None if ex is None else ex + 2, nx)


class KeepsTheOldValue(DictClient):
    """With nx it takes an expired name over, but forgets to store the value."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        with self.lock:
            if nx and self.get(name) is not None:
                return False
            there = self.values.get(name, (value, 0))[0] if nx else value
            self.values[name] = there, self.clock() + (math.inf if ex is None else ex)
            return True


class RefusedSetExtends(DictClient):
    """It sets the expiry in any case."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        done = super().set(name, value, ex, nx)
        with self.lock:
            if name in self.values:
                self.values[name] = self.values[name][0], self.clock() + (math.inf if ex is None else ex)
        return done

    def delete(self, *names: str) -> None:
        with self.lock:
            super().delete(*names)


class OldTimer(DictClient):
    """A timer removes the name, whoever has set it since.

    The next call runs the timers that are due, because a thread may wake late on a busy machine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[tuple[float, str]] = []
        self.timing = threading.Lock()

    def get(self, name: str) -> Any:
        with self.timing:
            due = [timer for timer in self.timers if timer[0] <= self.clock()]
            for timer in due:
                self.timers.remove(timer)
                self.delete(timer[1])
        return super().get(name)

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        done = super().set(name, value, None, nx)
        if done and ex is not None and ex < 1000:
            with self.timing:
                self.timers.append((self.clock() + ex, name))
        return done


class ExpiresByDefault(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, ex or 1, nx)


class ThirtyDays(DictClient):
    """Like memcached, it takes more than 30 days for an instant, which is long past."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        return super().set(name, value, 0 if ex is not None and ex > 30 * 86400 else ex, nx)


class SecondStep(DictClient):
    """It sets the expiry in a second step."""

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        if not super().set(name, value, None, nx):
            return False
        if ex is not None:
            self.values[name] = value, self.clock() + ex
        return True


class KeepsItsLock(DictClient):
    """An error between the two lines leaves it locked."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = threading.Lock()

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        self.outer.acquire()
        done = super().set(name, value, ex, nx)
        self.outer.release()
        return done


class StaysBusy(DictClient):
    """After an error it takes itself to be busy forever."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = threading.Lock()
        self.busy = False

    def set(self, name: str, value: Any, ex: int | None = None, nx: bool = False) -> bool:
        with self.outer:
            if self.busy:
                raise RuntimeError('busy')
            self.busy = True
            done = super().set(name, value, ex, nx)
            self.busy = False
            return done


class NoNx(DictClient):
    def set(self, name: str, value: Any, ex: int | None = None) -> bool:  # type: ignore[override]
        return super().set(name, value, ex)


WRONG: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (GetThenSet, ('threads',)),
    (AsyncGetThenSet, ('tasks',)),
    (SharedBuffer, ('threads',)),
    (OneThreadOnly, ('threads',)),
    (IgnoresNx, ('refused',)),
    (AlwaysOk, ('refused',)),
    (SilentSuccess, ('accepted',)),
    (EmptyWhenMissing, ('missing',)),
    (DeletesByPrefix, ('delete',)),
    (DeletesByPattern, ('delete',)),
    (DeleteRaises, ('delete',)),
    (DeletesNothing, ('delete',)),
    (IgnoresCase, ('names',)),
    (CutsNames, ('names',)),
    (CutsValues, ('values',)),
    (ParsesValues, ('values',)),
    (CountsSets, ('any order', 'threads')),
    (NeverExpires, ('expiry', 'expiry with nx')),
    (Milliseconds, ('expiry', 'expiry with nx')),
    (ExpiryWithoutNxOnly, ('expiry with nx',)),
    (NxSeesTheExpired, ('expiry with nx',)),
    (TwoSecondsLate, ('expiry', 'expiry with nx')),
    (KeepsTheOldValue, ('stale token',)),
    (RefusedSetExtends, ('refused expiry',)),
    (OldTimer, ('interrupted', 'own expiry')),
    (ExpiresByDefault, ('no expiry',)),
    (ThirtyDays, ('long expiry',)),
    (SecondStep, ('interrupted',)),
    (StaysBusy, ('interrupted',)),
    (NoNx, ('methods',)),
)
"""Each wrong client with the clauses that do not hold, of those about one process."""


class FileClient:
    """One file for each name; a lock of this process guards the check and the change."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.lock = threading.Lock()

    def path(self, name: str) -> Path:
        return self.folder / hashlib.sha256(name.encode()).hexdigest()

    def get(self, name: str) -> str | None:
        try:
            until, _, value = self.path(name).read_text().partition(' ')
        except FileNotFoundError:
            return None
        return value if until and time.time() < float(until) else None

    def set(self, name: str, value: str, ex: int | None = None, nx: bool = False) -> bool:
        with self.lock:
            if nx and self.get(name) is not None:
                return False
            new = self.path(name).with_name(f'{self.path(name).name}.{threading.get_native_id()}')
            new.write_text(f'{time.time() + ex if ex is not None else math.inf} {value}')
            new.replace(self.path(name))
            return True

    def delete(self, *names: str) -> None:
        for name in names:
            self.path(name).unlink(missing_ok=True)


class LockFileClient(FileClient):
    """A lock file guards the check and the change in all processes, but a killed one leaves it."""

    def set(self, name: str, value: str, ex: int | None = None, nx: bool = False) -> bool:
        guard = self.folder / 'lock'
        until = time.monotonic() + 10
        while True:
            try:
                guard.touch(exist_ok=False)
                break
            except FileExistsError:
                if time.monotonic() > until:
                    raise TimeoutError('the lock file is taken') from None
                time.sleep(0.001)
        try:
            return super().set(name, value, ex, nx)
        finally:
            guard.unlink()


class RedisGetThenSet:
    """It asks the server twice: what there is, and to set it."""

    def __init__(self, redis: Any) -> None:
        self.redis = redis

    def get(self, name: str) -> Any:
        return self.redis.get(name)

    def set(self, name: str, value: str, ex: int | None = None, nx: bool = False) -> Any:
        if nx and self.redis.exists(name):
            return None
        return self.redis.set(name, value, ex=ex)

    def delete(self, *names: str) -> Any:
        return self.redis.delete(*names)


class RedisWithCache(RedisGetThenSet):
    """It remembers for half a second what it has read, so as to ask the server less often."""

    def __init__(self, redis: Any) -> None:
        super().__init__(redis)
        self.cache: dict[str, tuple[Any, float]] = {}

    def get(self, name: str) -> Any:
        value, until = self.cache.get(name, (None, 0.0))
        if value is None or time.monotonic() > until:
            value = self.redis.get(name)
            self.cache[name] = value, time.monotonic() + 0.5
        return value

    def set(self, name: str, value: str, ex: int | None = None, nx: bool = False) -> Any:
        done = self.redis.set(name, value, ex=ex, nx=nx)
        self.cache.pop(name, None)
        return done

    def delete(self, *names: str) -> Any:
        for name in names:
            self.cache.pop(name, None)
        return self.redis.delete(*names)


class RedisSecondStep(RedisGetThenSet):
    """It sends the expiry in a command of its own."""

    def set(self, name: str, value: str, ex: int | None = None, nx: bool = False) -> Any:
        if not (self.redis.setnx(name, value) if nx else self.redis.set(name, value)):
            return False
        if ex is not None:
            self.redis.expire(name, ex)
        return True


class RedisPx(RedisGetThenSet):
    """It sends the seconds as milliseconds."""

    def set(self, name: str, value: str, ex: int | None = None, nx: bool = False) -> Any:
        return self.redis.set(name, value, px=ex, nx=nx)
