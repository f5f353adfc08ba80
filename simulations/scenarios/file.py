"""Find, read and write the TOML file of a scenario.

::

    title = 'A slow downstream'
    lesson = 'A holder that outlives its slot runs alongside the next one.'
    arrivals = 'poisson:6'
    holding = 'lognormal:-0.5:1'
    max_size = 5                    # or sizes over time: '5,60:10' or [[0, 5], [60, 10]]
    slot_exp = 2.0                  # or 'none'
    renew_for = 'none'              # or seconds; without it, slots are not renewed
    wait = 5                        # or 'none', or a patience such as 'exp:5'; without it, no queue
    max_waiting = 100
    jobs = 10000

    [on_refusal]                    # without it, a refused job leaves
    pause = 'exp:1'
    factor = 2.0
    tries = 5

    [network]                       # without it, commands take no time
    latency = 'exp:0.002'
    timeout = 1.0

    [[faults]]                      # any number of them, see simulations.faults
    kind = 'pause'
    at = 20.0
    lasting = 15.0

A table ``[trace]`` with a ``path`` and the options of :func:`simulations.read_trace` replaces
``arrivals``, ``holding`` and ``keys`` by a recorded trace.  Paths are relative to the folder of the
file.
"""

import difflib
import inspect
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from simulations.distributions import parse_holding
from simulations.distributions.parse import as_duration
from simulations.faults import fault_from, table_of
from simulations.faults.network import Network
from simulations.traces import read_table, read_trace
from simulations.workloads.arrivals import parse_arrivals
from simulations.workloads.keys import parse_keys
from simulations.workloads.patience import is_patience, wait_text
from simulations.workloads.refusals import Retry
from simulations.workloads.sizes import size_value


SCENARIOS = Path(__file__).parent
"""The folder of the scenarios that come with the package and are found by their names."""
SUFFIX = '.toml'
FOR_EVER = 'none'
"""In a file: slots that never expire, or that are renewed for as long as a body runs."""
_ENDLESS = ('slot_exp', 'renew_for')

TRACE_OPTIONS = tuple(
    name
    for read in (read_trace, read_table)
    for name, parameter in inspect.signature(read).parameters.items()
    # A trace is thinned with the scenario's own seed.
    if name not in ('path', 'seed') and parameter.kind is not parameter.VAR_KEYWORD
)
"""The keys of the table ``[trace]`` other than ``path``."""
_NETWORK = inspect.signature(Network).parameters
_BACK_OFF = inspect.signature(Retry).parameters
_TEXTS = ('title', 'lesson', 'arrivals', 'holding', 'keys', 'protocol')
_NUMBERS = (
    'max_size',
    'slot_exp',
    'renew_for',
    'wait',
    'max_waiting',
    'wait_within',
    'load_factor',
    'jobs',
    'horizon',
    'crash_probability',
    'seed',
    'replications',
    'half_width',
    'workers',
)
_TABLES = ('on_refusal', 'trace', 'network', 'faults')
_STAY = 'save the scenario in the folder that its paths are relative to, or make the paths absolute'


def find_scenario(path_or_name: str | Path) -> Path:
    """Return the file of a scenario, given its path, or its name if it comes with the package.

    Raises:
        ValueError: no scenario has that name; the message lists the names.
    """
    path = Path(path_or_name)
    if path.suffix == SUFFIX or path.parent != Path() or path.is_file():
        return path
    packaged = SCENARIOS / f'{path.name}{SUFFIX}'
    if not packaged.is_file():
        names = sorted(each.stem for each in SCENARIOS.glob(f'*{SUFFIX}'))
        choice = f'choose {", ".join(names)}' if names else 'the package has none'
        raise ValueError(
            f'no scenario is called {str(path_or_name)!r}: {choice}; or give the path of a file, *{SUFFIX}'
        )
    return packaged


def read_fields(text: str, folder: Path) -> dict[str, Any]:
    """Return the fields of a scenario that the text of a file in ``folder`` gives.

    Raises:
        TypeError, ValueError: the text is not TOML, lacks a key, has an unknown key, or has a value
            that is not allowed.
    """
    fields = tomllib.loads(text)
    check_known('a scenario', fields, (*_TEXTS, *_NUMBERS, *_TABLES))
    for name in ('title', 'max_size'):
        if name not in fields:
            raise ValueError(f'{name} must be given')
    for name in _ENDLESS:
        if isinstance(value := fields.get(name), str):
            if value != FOR_EVER:
                raise ValueError(f'{name} must be a number of seconds or {FOR_EVER!r}, got {value!r}')
            fields[name] = None
    if (back_off := _table(fields, 'on_refusal', _BACK_OFF)) is not None:
        if 'pause' in back_off:
            back_off['pause'] = as_duration('pause', back_off['pause'], folder)
        fields['on_refusal'] = Retry(**back_off)
    if (trace := _table(fields, 'trace', ('path', *TRACE_OPTIONS))) is not None:
        if 'path' not in trace:
            raise ValueError("path must be given in the table [trace], such as path = 'requests.csv'")
        fields |= {'trace': trace.pop('path'), 'trace_options': trace}
    if (network := _table(fields, 'network', _NETWORK)) is not None:
        if 'latency' in network and isinstance(network['latency'], str):
            network['latency'] = as_duration('latency', network['latency'], folder)
        fields['network'] = Network(**network)
    if (faults := fields.get('faults')) is not None:
        if not isinstance(faults, list):
            raise TypeError(f'faults must be tables, each written as [[faults]] with its keys below, not {faults!r}')
        fields['faults'] = tuple(map(fault_from, faults))
    return fields


def fields_to_toml(fields: Mapping[str, Any], defaults: Mapping[str, Any], old: Path, folder: Path) -> str:
    """Return the text of a file in ``folder`` from which the same fields are read.

    Args:
        fields: the fields of a scenario.
        defaults: the values of fields that need not be written.
        old: the folder that the paths in the fields are relative to.
        folder: the folder of the file.

    Raises:
        ValueError: a field cannot be written as text that reads back as the same value.
    """
    table: dict[str, Any] = {}
    readers: dict[str, Callable[[str], Any]] = {
        'arrivals': lambda text: parse_arrivals(text, folder),
        'holding': lambda text: parse_holding(text, folder),
        'keys': parse_keys,
    }
    for name in (*_TEXTS, *_NUMBERS):
        value = fields[name]
        if name == 'slot_exp':
            table[name] = FOR_EVER if value is None else value
        elif name == 'max_size':
            table[name] = size_value(value)
        elif name == 'wait':
            if value != defaults[name]:
                patient = is_patience(value)
                table[name] = _text_of(name, value, readers['holding'], folder) if patient else wait_text(value)
        elif name == 'renew_for' and value is None:
            table[name] = FOR_EVER
        elif name == 'seed' or value != defaults.get(name):
            table[name] = _text_of(name, value, readers[name], folder) if name in readers else value
    if isinstance(retry := fields['on_refusal'], Retry):
        table['on_refusal'] = {
            'pause': _text_of('pause', retry.pauses, readers['holding'], folder),
            **{
                name: getattr(retry, name)
                for name, parameter in _BACK_OFF.items()
                if name != 'pause' and getattr(retry, name) != parameter.default
            },
        }
    if (path := fields['trace']) is not None:
        if (folder / path).resolve() != (old / path).resolve():
            raise ValueError(f'trace {path!r} cannot be found from {folder}: {_STAY}')
        table['trace'] = {'path': path, **fields['trace_options']}
    if (network := fields['network']) is not None:
        table['network'] = {
            'latency': _text_of('latency', network.latency, readers['holding'], folder),
            **{
                name: getattr(network, name)
                for name, parameter in _NETWORK.items()
                if name != 'latency' and getattr(network, name) != parameter.default
            },
        }
    if fields['faults']:
        table['faults'] = [table_of(fault) for fault in fields['faults']]
    return tomli_w.dumps(table)


def check_known(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ``ValueError`` for an unknown name; the message lists the known ones."""
    known = list(known)
    for name in given:
        if name not in known:
            [nearest] = difflib.get_close_matches(str(name), known, 1, cutoff=0)
            raise ValueError(f'{where} has no {name!r}: the nearest is {nearest!r}; known are {", ".join(known)}')


def _table(fields: dict[str, Any], name: str, known: Iterable[str]) -> dict[str, Any] | None:
    if (table := fields.get(name)) is None:
        return None
    if not isinstance(table, dict):
        raise TypeError(f'{name} must be a table, written as [{name}] with its keys below, not {table!r}')
    check_known(f'the table [{name}]', table, known)
    return dict(table)


def _text_of(name: str, value: Any, read: Callable[[str], Any], folder: Path) -> str:
    text = str(value)
    try:
        same = read(text) == value
    except (TypeError, ValueError) as error:
        raise ValueError(f'{name} {text!r} cannot be read from a file in {folder}: {error}; {_STAY}') from None
    if not same:
        raise ValueError(f'{name} {text!r} would mean something else in a file in {folder}: {_STAY}')
    return text
