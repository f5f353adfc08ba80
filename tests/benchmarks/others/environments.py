"""The virtual environments of the other packages, made by pip and kept for the next run."""

import os
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


class Other(NamedTuple):
    """Another package.

    Attributes:
        name: its name on PyPI.
        version: the version to install.
        module: the module in this folder that knows how to use it.
        project_first: whether the project comes first on the path, for a package that installs a
            package with a name of the project.
    """

    name: str
    version: str
    module: str
    project_first: bool = False

    @property
    def title(self) -> str:
        """The name and the version."""
        return f'{self.name} {self.version}'


OTHERS = [
    Other('py-cachify', '3.1.0', 'py_cachify_3'),
    Other('py-redis-semaphore', '0.2.0', 'py_redis_semaphore'),
]
CIW = Other('ciw', '3.2.7', 'ciw_loss', project_first=True)
"""It installs its tests as ``tests``, which would hide the project's."""


def python_of(other: Other) -> Path:
    """Return the interpreter of a package's environment, and make the environment if necessary.

    The environment has the same version of ``redis`` as this one.

    Raises:
        RuntimeError: pip cannot install the package.
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
