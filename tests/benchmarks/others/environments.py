"""The environments of the other packages: one virtual environment for each, made by pip and kept for the next run."""

import os
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


class Other(NamedTuple):
    """Another package."""

    name: str
    version: str
    module: str
    """The module beside this one that knows how to use it."""
    project_first: bool = False
    """Whether the project comes before it on the path: for one that installs a package of a name in here."""

    @property
    def title(self) -> str:
        """Name and version."""
        return f'{self.name} {self.version}'


OTHERS = [
    Other('py-cachify', '3.1.0', 'py_cachify_3'),
    Other('py-redis-semaphore', '0.2.0', 'py_redis_semaphore'),
]
CIW = Other('ciw', '3.2.7', 'ciw_loss', project_first=True)
"""It installs its tests as ``tests``, which would hide these."""


def python_of(other: Other) -> Path:
    """The interpreter of its environment, which is made if it is not there; with the same client as ours.

    ``RuntimeError`` if pip cannot install it.
    """
    requirements = [f'{other.name}=={other.version}', f'redis=={version("redis")}']
    python = f'python{sys.version_info.major}.{sys.version_info.minor}'
    folder = _cache() / '-'.join([*requirements, python]).replace('==', '-')
    ready = folder / 'ready'
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(_python_in(folder)), '-m', 'pip', 'install', '-q', '--disable-pip-version-check', *requirements]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'pip cannot install {", ".join(requirements)}:\n{done.stderr}')
        ready.touch()
    return _python_in(folder)


def _python_in(folder: Path) -> Path:
    return folder / 'bin' / 'python'


def _cache() -> Path:
    home = os.environ.get('XDG_CACHE_HOME')
    return (Path(home) if home else Path.home() / '.cache') / 'py-cachify-lab' / 'benchmarks'
