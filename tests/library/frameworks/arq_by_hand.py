"""Check arq in an environment of its own: ``python -m tests.library.frameworks.arq_by_hand``.

arq needs redis-py 5 and hiredis, so it cannot share the environment of the other tests. This makes
one in a temporary folder, starts a server, and runs ``arq_jobs.py`` there.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from simulations.stores.embedded import embedded_server
from tests.support.paths import ROOT


PACKAGES = ['arq==0.28.0', 'pytest', '-e', '.']


def main() -> int:
    """Return the exit status of the check."""
    with tempfile.TemporaryDirectory(prefix='arq-') as folder, embedded_server() as socket:
        subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
        python = str(Path(folder) / 'bin' / 'python')
        subprocess.run([python, '-m', 'pip', 'install', '-q', *PACKAGES], cwd=ROOT, check=True)
        check = [python, '-m', 'tests.library.frameworks.arq_jobs', str(socket)]
        return subprocess.run(check, cwd=ROOT, check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
