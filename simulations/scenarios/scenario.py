"""Define a scenario: everything that defines a run except the store, as a value and a TOML file."""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, Self

from py_cachify.arguments import check_encodable
from simulations.arguments import positive, whole_number
from simulations.conditions import Conditions
from simulations.distributions import Constant, Holding
from simulations.distributions.parse import as_holding
from simulations.engine.replay import replay_under
from simulations.engine.replications import replicate
from simulations.faults import Fault
from simulations.faults.network import Network
from simulations.results.result import Result
from simulations.results.violated import InvariantError
from simulations.scenarios.file import (
    SCENARIOS,
    SUFFIX,
    TRACE_OPTIONS,
    check_known,
    fields_to_toml,
    find_scenario,
    read_fields,
)
from simulations.scenarios.recorded import OPTION_CHECKS, as_pairs, cached_trace, toml_value
from simulations.statistics.stopping import StoppingRule
from simulations.stores.store import Store, open_store
from simulations.theory.expectation import Expectation
from simulations.traces import read_trace
from simulations.traces.trace import Trace
from simulations.workloads.arrivals import Arrivals, Clients, as_arrivals
from simulations.workloads.keys import Keys, as_keys
from simulations.workloads.patience import Wait, as_wait, is_patience
from simulations.workloads.refusals import Leave, Retry
from simulations.workloads.sizes import as_sizes
from simulations.workloads.synthetic import Synthetic
from simulations.workloads.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A workload, its pool, and the faults that happen.

    Give either a ``trace``, or ``arrivals`` and ``holding`` with ``jobs``, ``horizon`` or both, and
    ``keys`` for several pools.  Everything is checked immediately except the content of a trace,
    which :meth:`workload` reads.  Strings are parsed into objects, so equal scenarios compare equal
    however they were written.

    Args:
        title: a short title, which a file must give.
        lesson: what the scenario teaches, in one sentence.
        arrivals, holding, keys: as in :class:`simulations.Synthetic`.
        trace: the path of a recorded trace, in place of these three.
        trace_options: the options of :func:`simulations.read_trace`, such as ``kind``, ``key``,
            ``thin``, ``time_scale`` and ``until``; not ``seed``, because the scenario's is used.
        on_refusal: what a refused job does.
        crash_probability: the share of holders that crash before they release, from 0 to 1.
        max_size: the number of slots of each pool; or its sizes over time, as text or as steps, see
            :mod:`simulations.workloads.sizes`.
        slot_exp: the life of a slot in seconds; ``None`` for a slot that never expires.
        renew_for: for how many seconds a holder renews its slot; 0 for not at all, ``None`` for as
            long as its body runs.
        wait: for how many seconds a job waits in the queue of a full pool, 0 for not at all;
            ``None`` or ``'none'`` for as long as it takes; or the distribution from which the
            patience of each job is drawn, such as ``'exp:5'``. A job whose time is up is refused.
        max_waiting: how many jobs may wait at each pool already when one more asks; ``None`` for
            any number. One too many is refused.
        wait_within: also measure which share of the jobs got a slot within so many seconds.
        workers: the number of processes that run the jobs, which are dealt to them in turn; a
            client always runs in the same one.
        network: the network between workers and server; without one, commands take no time.
        faults: the faults that happen, see :mod:`simulations.faults`.
        protocol: the protocol for taking slots, by name; ``None`` for the one that the store uses;
            see :func:`simulations.replay`.
        load_factor: the factor by which the arrivals described above are multiplied.
        jobs: end the arrivals after this number of jobs.
        horizon: end the arrivals after this many seconds; with both, whichever comes first.
        seed: the seed of everything random, at least 0.
        replications: the number of independent runs, at least 1.
        half_width: replaces ``replications``: :meth:`run` makes as many runs as it takes to know
            the share of refused jobs to within plus or minus this.
        folder: the folder that paths are relative to; the working directory by default.

    Raises:
        TypeError, ValueError: a field is not allowed; the message names it and its value.

    Example::

        Scenario(arrivals='poisson:6', holding='exp:1', max_size=5, slot_exp=600.0, jobs=10_000)
    """

    title: str = ''
    lesson: str = ''
    arrivals: Arrivals | Clients | str | None = None
    holding: Holding | str | None = None
    keys: Keys | str | None = None
    trace: str | Path | None = None
    trace_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    load_factor: float = 1.0
    on_refusal: Leave | Retry = Leave()  # noqa: RUF009 - it is frozen
    crash_probability: float = 0.0
    max_size: int
    slot_exp: float | None = None
    renew_for: float | None = 0.0
    wait: Wait | str = 0.0
    max_waiting: int | None = None
    wait_within: float | None = None
    workers: int = 1
    network: Network | None = None
    faults: Sequence[Fault] = ()
    protocol: str | None = None
    jobs: int | None = None
    horizon: float | None = None
    seed: int = 0
    replications: int = 1
    half_width: float | None = None
    folder: str | Path = field(default=Path(), repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_texts()
        self._set('folder', Path(self.folder))
        self._set('load_factor', positive('load_factor', self.load_factor))
        if self.half_width is not None:
            self._set('half_width', positive('half_width', self.half_width))
        self._set('replications', whole_number('replications', self.replications, 1))
        self._set('max_size', as_sizes(self.max_size))
        self._set('wait', as_wait(self.wait, self.folder))
        conditions = self.conditions()
        for name in (
            'max_size',
            'renew_for',
            'max_waiting',
            'wait_within',
            'crash_probability',
            'workers',
            'faults',
            'seed',
        ):
            self._set(name, getattr(conditions, name))
        if self.trace is None:
            self._check_synthetic()
        else:
            self._check_trace(self.trace)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_texts(self) -> None:
        for name in ('title', 'lesson'):
            text = getattr(self, name)
            if not isinstance(text, str):
                raise TypeError(f'{name} must be a string, not {text!r}')
            check_encodable(name, text)
        if self.title and not self.title.strip():
            raise ValueError(f'title must not be blank, got {self.title!r}')

    def _check_synthetic(self) -> None:
        if self.trace_options:
            raise ValueError(
                f'trace_options need a trace, got {dict(self.trace_options)!r}: give the path of one as trace'
            )
        for name, example in (('arrivals', 'poisson:6'), ('holding', 'exp:1')):
            if getattr(self, name) is None:
                raise ValueError(
                    f'{name} must be given, such as {example!r}, or a trace instead of arrivals and holding'
                )
        self._set('arrivals', as_arrivals(self.arrivals, self.folder))
        self._set('holding', as_holding('holding', self.holding, self.folder))
        self._set('keys', as_keys(self.keys))
        self.workload()

    def _check_trace(self, path: str | Path) -> None:
        if not isinstance(path, str | Path):
            raise TypeError(f'trace must be a path, not {path!r}')
        for name in ('arrivals', 'holding', 'keys', 'jobs', 'horizon'):
            if getattr(self, name) is not None:
                part = '; use until=... for a part of a trace' if name in ('jobs', 'horizon') else ''
                raise ValueError(
                    f'{name} and trace exclude each other, got {getattr(self, name)!r} and {str(path)!r}{part}'
                )
        check_known('trace_options', self.trace_options, TRACE_OPTIONS)
        options = {name: toml_value(value) for name, value in self.trace_options.items() if value is not None}
        for name, value in options.items():
            if name in OPTION_CHECKS:
                OPTION_CHECKS[name](name, value)
        self._set('trace', str(path))
        self._set('trace_options', options)
        where = Path(self.folder) / path
        if not where.is_file():
            raise ValueError(f'trace must be a file, but there is none at {where}')

    def workload(self, seed: int | None = None) -> Workload:
        """Return the jobs of the scenario.

        Args:
            seed: replaces the scenario's own seed, for one of several replications.

        Raises:
            TypeError, ValueError: the trace cannot be read, or ``seed`` is not a whole number.
        """
        seed = self.seed if seed is None else whole_number('seed', seed)
        if self.trace is not None:
            return self._read_trace(seed)
        arrivals, holding = as_arrivals(self.arrivals), as_holding('holding', self.holding)
        if self.load_factor != 1:
            arrivals = arrivals.times(self.load_factor)
        return Synthetic(arrivals, holding, self.keys, jobs=self.jobs, horizon=self.horizon, seed=seed)

    def _read_trace(self, seed: int) -> Trace:
        options = dict(self.trace_options)
        if self.load_factor != 1:
            options['time_scale'] = options.get('time_scale', 1.0) / self.load_factor
        path = Path(self.folder) / str(self.trace)
        thinned = options.get('thin', 1.0) < 1
        try:
            # The cache lets many runs of one trace read it once.
            changed = path.stat().st_mtime_ns
            return cached_trace(path, changed, (seed if thinned else 0, self.seed), as_pairs(options))
        except (OSError, TypeError):
            return read_trace(path, seed=seed, **options)

    def conditions(self, seed: int | None = None) -> Conditions:
        """Return the conditions of a run as one value.

        Args:
            seed: replaces the scenario's own seed, for one of several replications.
        """
        return Conditions(
            max_size=self.max_size,
            slot_exp=self.slot_exp,
            renew_for=self.renew_for,
            wait=as_wait(self.wait),
            max_waiting=self.max_waiting,
            wait_within=self.wait_within,
            on_refusal=self.on_refusal,
            crash_probability=self.crash_probability,
            workers=self.workers,
            network=self.network,
            faults=self.faults,
            protocol=self.protocol,
            seed=self.seed if seed is None else seed,
        )

    @property
    def stepwise(self) -> bool:
        """Whether commands take time or may fail, so that they must run one by one."""
        return self.conditions().stepwise

    def expect(self, max_size: int | None = None, workload: Workload | None = None) -> Expectation | str:
        """Return what theory expects in the long run, or why no formula applies.

        See :func:`simulations.expect`.

        Args:
            max_size: replaces the scenario's own.
            workload: the jobs, if they have already been read.
        """
        conditions = self.conditions()
        if max_size is not None:
            conditions = dataclasses.replace(conditions, max_size=max_size)
        return conditions.expect(self.workload() if workload is None else workload)

    @property
    def random(self) -> bool:
        """Whether the seed influences a run; a recorded trace alone is not random."""
        retrying = isinstance(self.on_refusal, Retry) and (
            bool(self.on_refusal.jitter) or not isinstance(self.on_refusal.pauses, Constant)
        )
        thinned = self.trace is None or self.trace_options.get('thin', 1.0) < 1
        faulty = any(fault.random for fault in self.faults)
        slow = self.network is not None and not isinstance(self.network.law, Constant)
        crashing = bool(self.crash_probability)
        return thinned or crashing or retrying or faulty or slow or is_patience(self.wait)

    def replay(
        self,
        *,
        seed: int | None = None,
        store: str | Store = 'memory',
        audit: bool = False,
        history: bool = True,
        progress: bool = False,
    ) -> Result:
        """Run the scenario once, see :func:`simulations.replay`.

        Args:
            seed: replaces the scenario's own.
            store, audit, history, progress: as in :func:`simulations.replay`.

        Raises:
            TypeError, ValueError, StoreError, InvariantError: as in :func:`simulations.replay`.

        Example::

            Scenario.load('api-connection-limit').replay().plot_occupancy()
        """
        seed = self.seed if seed is None else whole_number('seed', seed)
        try:
            result = replay_under(
                self.conditions(seed),
                self.workload(seed),
                store=store,
                audit=audit,
                history=history,
                progress=progress,
            )
        except InvariantError as error:
            raise error.with_result(self._named(error.result)) from None
        return self._named(result)

    def _named(self, result: Result) -> Result:
        return dataclasses.replace(result, title=self.title or None, lesson=self.lesson)

    def run(
        self,
        *,
        replications: int | None = None,
        rule: StoppingRule | None = None,
        store: str | Store = 'memory',
        audit: bool = False,
        history: bool = True,
        progress: bool = False,
    ) -> Result:
        """Run the scenario once, or repeatedly if ``replications`` or ``half_width`` asks for it.

        See :func:`simulations.replicate`.

        Args:
            replications: replaces the scenario's own.
            rule: repeat the run with other seeds until this rule says to stop.
            store, audit, history, progress: as in :func:`simulations.replay`.

        Raises:
            ValueError: several runs were asked for, but they would be equal because nothing is
                random.
            TypeError, StoreError, InvariantError: as in :func:`simulations.replay`.

        Example::

            Scenario.load('api-connection-limit').run(rule=StoppingRule(half_width=0.002))
        """
        count = self.replications if replications is None else whole_number('replications', replications, 1)
        if rule is None and replications is None and self.half_width is not None:
            rule = StoppingRule(half_width=self.half_width)
        if rule is None and count == 1:
            return self.replay(store=store, audit=audit, history=history, progress=progress)
        if not self.random:
            raise ValueError(
                'every run of a recorded trace is the same: make one run, or thin the trace, such as thin=0.9'
            )
        with ExitStack() as stack:
            opened = store if isinstance(store, Store) else stack.enter_context(open_store(store))
            return replicate(
                lambda seed: self.replay(
                    seed=seed, store=opened, audit=audit, history=history and seed == self.seed, progress=False
                ),
                count,
                rule=rule,
                seed=self.seed,
                progress=progress,
            )

    def replace(self, **changes: Any) -> Self:
        """Return the same scenario with other values in some fields.

        Raises:
            TypeError, ValueError: there is no such field, and the message names the nearest; or the
                new scenario is not allowed.

        Example::

            scenario.replace(max_size=10, seed=1)
        """
        check_known('a scenario', changes, [each.name for each in dataclasses.fields(self)])
        return dataclasses.replace(self, **changes)

    @classmethod
    def load(cls, path_or_name: str | Path) -> Self:
        """Load a scenario from a file, or by its name if it comes with the package.

        Args:
            path_or_name: the path of a file ``*.toml``, in which paths are relative to its folder;
                or a name.

        Raises:
            ValueError: there is no such scenario, or the file cannot be read as one; the message
                says what to write.

        Example::

            Scenario.load('nightly-batch')
            Scenario.load('mine/nightly-batch.toml')
        """
        path = find_scenario(path_or_name)
        try:
            return cls.from_toml(path.read_text(encoding='utf-8'), path.parent)
        except (OSError, TypeError, ValueError) as error:
            hint = ''
            if path.suffix != SUFFIX and path.is_file():
                hint = f'; a scenario is a file *{SUFFIX}, and {path} is not: to replay it as a trace,'
                hint += f' use pool-sim replay {path}'
            raise ValueError(f'cannot load the scenario {path}: {error}{hint}') from None

    @classmethod
    def from_toml(cls, text: str, folder: str | Path = '') -> Self:
        """Read a scenario from TOML; :mod:`simulations.scenarios.file` shows the format.

        Args:
            text: the text of a file.
            folder: the folder that paths in it are relative to; the working directory by default.

        Raises:
            TypeError, ValueError: the text is not TOML, has an unknown key, or has a value that is
                not allowed.
        """
        return cls(**read_fields(text, Path(folder)), folder=folder)

    def to_toml(self) -> str:
        """Return the scenario as TOML, for a file in its folder.

        Raises:
            ValueError: a field cannot be written as text that reads back as the same value.
        """
        return self._written(Path(self.folder))

    def save(self, path: str | Path) -> None:
        """Write the scenario to a file from which :meth:`load` reads an equal one.

        Raises:
            ValueError: the suffix is not ``.toml``; or a field cannot be written as text that reads
                back as the same value, such as a relative path in another folder.
            OSError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix != '.toml':
            raise ValueError(f'path must end in .toml to save a scenario, got {str(path)!r}')
        path.write_text(self._written(path.parent), encoding='utf-8', newline='\n')

    def _written(self, folder: Path) -> str:
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        defaults = {each.name: each.default for each in dataclasses.fields(self) if each.default is not MISSING}
        return fields_to_toml(fields, defaults, Path(self.folder), folder)


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package, sorted."""
    return sorted(path.stem for path in SCENARIOS.glob(f'*{SUFFIX}'))
