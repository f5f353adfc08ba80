"""Each example of the guide's chapter on tests, run as it stands there."""

import re

import pytest

from py_cachify.testing import Pools
from tests.library.testing.inner import run, run_python
from tests.support.stores import GUIDE


pytest_plugins = ['pytester']

CHAPTER = GUIDE.read_text(encoding='utf-8').partition('\n## Testing code that uses pools\n')[2].partition('\n## ')[0]
FILES: dict[str, str] = dict(re.findall(r'```python\n# (\w+\.py)\n(.*?)```', CHAPTER, re.DOTALL))


def test_the_examples_of_the_guide_pass(pytester: pytest.Pytester) -> None:
    run(pytester, FILES, '-W', 'error').assert_outcomes(passed=5)


def test_the_examples_pass_in_several_processes_at_once(pytester: pytest.Pytester) -> None:
    run(pytester, FILES, '-n', '2').assert_outcomes(passed=5)


def test_the_example_without_pytest_passes_without_it(pytester: pytest.Pytester) -> None:
    """And without any other installed package."""
    files = {name: FILES[name] for name in ('reports.py', 'test_with_unittest.py')}
    done = run_python(pytester, files, '-S', '-m', 'unittest', '-v')
    assert done.ret == 0
    done.stderr.fnmatch_lines(['*test_mail_is_refused_while_the_pool_is_full*ok', 'OK'])


def test_the_table_lists_what_there_is() -> None:
    listed = set(re.findall(r'`(?:await )?(\w+)', '\n'.join(re.findall(r'^\| (`.*?) \|', CHAPTER, re.MULTILINE))))
    assert listed == {name for name in vars(Pools) if not name.startswith('_')}
