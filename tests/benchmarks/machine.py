"""The description of the machine on which the measurements were made."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def machine(server: Any = None) -> dict[str, str]:
    """Return processor, cores, Python, system and versions.

    Args:
        server: the ``INFO`` of the server, if there is one.
    """
    about = {
        'processor': _processor(),
        'cores': str(os.cpu_count()),
        'python': f'{platform.python_implementation()} {platform.python_version()}',
        'system': platform.platform(),
        'redis-py': version('redis'),
    }
    if server:
        about['server'] = (
            f'Valkey {server["valkey_version"]}' if 'valkey_version' in server else f'Redis {server["redis_version"]}'
        )
    return about


def _processor() -> str:
    described = Path('/proc/cpuinfo')
    if described.exists():
        for line in described.read_text().splitlines():
            name, _, value = line.partition(':')
            if name.strip() == 'model name':
                return value.strip()
    return platform.processor() or platform.machine()
