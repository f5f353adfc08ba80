"""The dashboard that the package contains, and its queries."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any


def dashboard() -> Any:
    """Return the dashboard, found as a user finds it."""
    return json.loads(files('py_cachify.metrics').joinpath('grafana.json').read_text(encoding='utf-8'))


def targets() -> Iterator[tuple[str, str, str]]:
    """Yield the title of the panel, the query and the legend of each line."""
    for panel in dashboard()['panels']:
        for target in panel['targets']:
            yield panel['title'], target['expr'], target['legendFormat']


def as_sent(query: str, *, pool: str = '.*', interval: str = '5s') -> str:
    """Return a query with its variables replaced, as Grafana sends it."""
    return query.replace('$__rate_interval', interval).replace('$pool', pool)


def names_in(query: str) -> tuple[set[str], set[str]]:
    """Return the metrics in a query, and the labels that it groups by or selects."""
    metrics = set(re.findall(r'\bpy_cachify_slot_(?!state\b)\w+', query))
    grouped = {name for names in re.findall(r'\bby \(([^)]*)\)', query) for name in re.split(r',\s*', names)}
    selected = set(re.findall(r'[{,]\s*(\w+)\s*(?:=~|!=|!~|=)', query))
    return metrics, grouped | selected
