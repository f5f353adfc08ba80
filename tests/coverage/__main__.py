"""Print a table of how often intervals without a caveat hold the truth, as Markdown.

It makes 300 intervals for each case, which takes some hours on two cores. The seeds are a
fixed function of the name of the case. The exit status is 1 if a case fails.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from tqdm.auto import tqdm

from tests.coverage.cases import CASES
from tests.coverage.queues import QUEUES
from tests.coverage.study import Coverage, study


def main() -> int:
    """Run the study and print the table."""
    parser = argparse.ArgumentParser(prog='python -m tests.coverage', description=__doc__)
    parser.add_argument('--intervals', type=int, default=300, help='intervals for each case (default %(default)s)')
    parser.add_argument('--workers', type=int, default=None, help='processes (default: one for each processor)')
    parser.add_argument('names', nargs='*', metavar='CASE', help='only these cases')
    options = parser.parse_args()
    cases = [case for case in [*CASES, *QUEUES] if not options.names or case.name in options.names]
    print('| case | figure | truth | intervals without a caveat | of these, miss the truth | p | width | caveats |')
    print('|---|---|---|---|---|---|---|---|')
    failed = unjudged = 0
    with ProcessPoolExecutor(options.workers) as executor:
        for case in tqdm(cases, unit=' cases', file=sys.stderr):
            for found in study(case, options.intervals, executor):
                print(_row(found), flush=True)
                failed += not (found.holds and found.useful)
                unjudged += not found.clean
    print(f'\n{failed} rows fail; {unjudged} are not judged, because each of their intervals has a caveat.')
    return 1 if failed else 0


def _row(found: Coverage) -> str:
    codes = ', '.join(f'{code} ({count})' for code, count in found.codes.items())
    words = [
        found.case.name + (' *' if found.case.sufficient else ''),
        found.figure,
        f'{found.truth:.5g}',
        f'{found.clean} of {found.intervals}',
        str(found.missed),
        (f'{found.p:.3g}' if found.clean else 'not judged') + ('' if found.holds else ' fails'),
        f'{found.width:.2f}' + ('' if found.useful else ' fails'),
        codes,
    ]
    return f'| {" | ".join(words)} |'


if __name__ == '__main__':
    sys.exit(main())
