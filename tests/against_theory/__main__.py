"""Print the table of theory against simulation as Markdown, with 99 % intervals."""

import argparse
import sys
import zlib

from tqdm.auto import tqdm

from tests.against_theory.cases import CASES
from tests.against_theory.compare import compared, distance


def main() -> None:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(prog='python -m tests.against_theory', description=__doc__)
    parser.add_argument('--runs', type=int, default=40, help='independent runs of 20,000 jobs (default %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help="with a case's title, its seed (default %(default)s)")
    options = parser.parse_args()
    print('| case | workload | formula | figure | simulation, 99 % interval | theory | | distance of distributions |')
    print('|---|---|---|---|---|---|---|---|')
    outside = total = 0
    for case in tqdm(CASES, unit=' cases', file=sys.stderr):
        # No two cases share a seed: each has one from its title.
        seed = zlib.crc32(f'{case.title} {options.seed}'.encode())
        result = case.replace(seed=seed).run(replications=options.runs, history=False)
        off = distance(result)
        life = '' if case.slot_exp is None else f', slot_exp {case.slot_exp:g} s'
        renewed = ', renewed' if case.conditions().renewed else ''
        crash = f', {case.crash_probability:.0%} crash' if case.crash_probability else ''
        retry = f', {case.on_refusal}' if str(case.on_refusal) != 'leaves' else ''
        words = [
            case.title,
            f'{result.workload}{life}{renewed}{crash}{retry}',
            result.theory.formula if result.theory else '',
        ]
        for figure, measured, theory in compared(result):
            holds = theory in measured
            total, outside = total + 1, outside + (not holds)
            mean, low, high = (f'{value:.5f}' for value in measured)
            shown = '' if off is None or figure != 'occupancy' else f'{off:.4f}'
            print(
                '|',
                ' | '.join(
                    [*words, figure, f'{mean} [{low}, {high}]', f'{theory:.5f}', '' if holds else 'outside', shown]
                ),
                '|',
            )
            words = ['', '', '']
    print(
        f'\n{outside} of {total} theoretical values {"lies" if outside == 1 else "lie"} outside'
        f' {"its" if outside == 1 else "their"} 99 % interval; seed {options.seed},'
        f' {options.runs} runs of 20,000 jobs each.'
    )


if __name__ == '__main__':
    main()
