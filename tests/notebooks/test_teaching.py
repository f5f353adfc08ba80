"""The answers in notebooks/TEACHING.md are what the library computes."""

import math
import re
from itertools import permutations

from simulations import Poisson, Scenario, Trace, expect, replay
from simulations.exploring import Move, Schedule, Scope, explore, replay_schedule, subject
from simulations.faults import Failover
from simulations.faults.network import Network
from simulations.theory import erlang_b, erlang_c, max_size_for, mean_wait, wait_quantile
from simulations.theory.expectation import Expectation
from tests.support.paths import NOTEBOOKS


PAGE = (NOTEBOOKS / 'TEACHING.md').read_text(encoding='utf-8')


def check_question(number: int, *phrases: str) -> None:
    """Check that a question contains these phrases, in this order."""
    _check(number, rf'^### {number}\. (.*?)<details>', phrases)


def check_answer(number: int, *phrases: str) -> None:
    """Check that the answer to a question contains these phrases, in this order."""
    _check(number, rf'^### {number}\. .*?<details><summary>Answer</summary>(.*?)</details>', phrases)


def _check(number: int, pattern: str, phrases: tuple[str, ...]) -> None:
    (section,) = re.findall(pattern, PAGE, re.M | re.S)
    rest = ' '.join(str(section).split())
    for phrase in phrases:
        _, match, rest = rest.partition(phrase)
        assert match, f'question {number} does not contain {phrase!r} after the phrases before it'


def expected(rate: float, max_size: int, slot_exp: float | None, holding: str = 'exp:1', p: float = 0) -> Expectation:
    """Return what theory predicts for a pool with Poisson arrivals."""
    expectation = expect(Poisson(rate, holding, jobs=1), max_size, slot_exp, crash_probability=p)
    assert isinstance(expectation, Expectation)
    return expectation


def test_every_notebook_is_on_the_page() -> None:
    """The table lists each notebook under its number."""
    linked = re.findall(r'^\| (\d+) \| \[[^]]*\]\((\d+)(_\w+\.ipynb)\) \|', PAGE, re.M)

    assert {path.name for path in NOTEBOOKS.glob('*.ipynb')} == {number + name for _, number, name in linked}
    assert [(number, its_own) for number, its_own, _ in linked] == [(str(n), str(n)) for n in range(1, 11)]


def test_the_minutes_are_those_of_all_notebooks() -> None:
    """The page says so below the table."""
    minutes = re.findall(r'^\| \d+ \| \[[^]]*\]\([^)]*\) \| (\d+) \|', PAGE, re.M)

    assert 'That is two hours and 35 minutes.' in PAGE
    assert sum(map(int, minutes)) == 2 * 60 + 35


def test_expiry_by_hand() -> None:
    """Question 1."""
    check_question(1, 'two slots, and a slot lives 5 s', 'at 0, 1, 2, 5 and 6 s and need 8, 2, 3, 4 and 1 s')
    result = replay(Trace([(0, 8), (1, 2), (2, 3), (5, 4), (6, 1)]), max_size=2, slot_exp=5)

    seen = {('ABCDE'[event.job], event.what): event.time for event in result.history}
    crowded = [event.time for event in result.history if event.running == result.figures.running_peak]
    (refused,) = (job for job, what in seen if what == 'refused')
    expired, overran = seen['A', 'expired'], seen['A', 'overran']
    check_answer(
        1,
        f'{refused} is refused: at {seen[refused, "refused"]:g} s A and B hold both slots',
        f'B leaves at {seen["B", "released"]:g} s. At {expired:g} s the slot of A expires, and D takes one',
        f'at {seen["E", "granted"]:g} s E takes the other',
        f'The occupancy peaks at {result.figures.occupancy_peak}',
        f'From {crowded[0]:g} to {seen["E", "released"]:g} s A, D and E run',
        f'running peaks at {result.figures.running_peak}',
        f'from {expired:g} to {overran:g} s: {overran - expired:g} s',
    )
    assert seen['D', 'granted'] == expired
    assert result.figures.expired_while_running == 1
    assert seen['D', 'released'] > seen['E', 'released']


def test_how_many_slots() -> None:
    """Question 2."""
    check_question(
        2, 'Six jobs arrive in a second', 'one second on average, exponentially', 'by five slots', '`slot_exp` 0.5 s'
    )
    check_question(2, 'at most one job in a hundred', 'exactly one second')
    for_ever, short, alike = expected(6, 5, None), expected(6, 5, 0.5), expected(6, 5, 0.5, 'const:1')
    enough = max_size_for(6, 0.01)

    assert expected(6, 5, None, 'const:1').refusal_share == for_ever.refusal_share
    check_answer(
        2,
        f'The offered load is {for_ever.offered_load:g}, and B(5, 6) = {100 * for_ever.refusal_share:.1f} %',
        f'on average 1 - exp(-0.5) = {1 - math.exp(-0.5):.3f} s',
        f'{short.offered_load:.2f}, and B(5, 2.36) = {100 * short.refusal_share:.1f} %',
        f'{short.overrun_mean:.2f} bodies',
        f'(c) {enough}, because B(12, 6) = {100 * erlang_b(12, 6):.2f} % and B(13, 6) = {100 * erlang_b(13, 6):.2f} %',
        'min(S, T) is 0.5 s for each',
        f'the offered load {alike.offered_load:g}, and {100 * alike.refusal_share:.1f} % are refused',
    )


def test_orders() -> None:
    """Question 3."""
    check_question(3, 'three commands: drop what has expired, count, add', 'an empty pool of one', 'the six commands')

    def goes_wrong(order: str) -> bool:
        moves = tuple(Move('step', 'AB'.index(client)) for client in order)
        return replay_schedule(Schedule('check-then-add', 2, 1, 10, 2, moves)) is not None

    orders = {''.join(order) for order in permutations('AAABBB')}
    wrong = sum(map(goes_wrong, orders))
    mixed = {''.join(order) for order in permutations('AABB')}
    shipped = explore(subject('memory'), Scope(clients=2, max_size=1, faults=0))

    assert shipped.complete
    assert shipped.violation is None
    check_answer(
        3, f'{len(orders)} orders', f'in {len(mixed)} ways', f'in {wrong // len(mixed)}', f'{wrong} of {len(orders)}'
    )
    check_answer(3, f'there are {len(set(permutations("AB")))} orders')


def test_the_price_of_a_crash() -> None:
    """Question 4."""
    check_question(4, '60 s, and with 10 s? Why not take 1 s?')
    check_question(
        4,
        'Two jobs arrive',
        'one second on average, exponentially',
        'One holder in twenty',
        'ten slots',
        '60 s, and with 10 s',
    )
    long, short = expected(2, 10, 60.0, p=0.05), expected(2, 10, 10.0, p=0.05)
    assert long.offered_load is not None
    assert short.offered_load is not None

    check_answer(
        4,
        f'{1 - 0.05:g} x E[min(S, T)] + {0.05:g} T',
        'With 60 s',
        f'{long.offered_load / 2:.2f} s, the offered load {long.offered_load:.2f}',
        f'{100 * long.refusal_share:.1f} % are refused',
        'With 10 s',
        f'{short.offered_load / 2:.2f} s, the load {short.offered_load:.2f}',
        f'{100 * short.refusal_share:.2f} % are refused',
        'With 1 s the dead',
        f'{100 * math.exp(-1):.1f} % of the living',
    )


def test_a_failover() -> None:
    """Question 5."""
    check_question(5, 'In those 8 s three slots were taken')
    check_question(
        5, 'A pool of 8 is full', 'take 20 s', '`slot_exp` is 60 s', 'its last 8 s of writes', 'three slots were taken'
    )
    result = Scenario(
        arrivals='poisson:2',
        holding='const:20',
        max_size=8,
        slot_exp=60.0,
        jobs=80,
        seed=1,
        workers=4,
        network=Network(latency='exp:0.002', timeout=0.5, retries=3, pause=0.2),
        faults=[Failover(at=10.0, lasting=1.0, missing=8.0)],
    ).run()

    # The times of a fault are counted from the first arrival.
    times = [event.time - result.figures.first for event in result.history if event.what == 'taken']
    taken = [time for time in times if time < 10]
    lost = sum(time > 10 - 8 for time in taken)
    assert len(taken) == 8
    assert lost == 3
    assert result.figures.expired_while_running == 0
    assert result.judgement is not None
    assert {limit.rule for limit in result.judgement.limits} == {'lost writes'}
    check_answer(
        5,
        'five of the eight',
        'grants three more',
        f'{result.figures.running_peak} bodies run',
        f'The store counts {result.figures.occupancy_peak}',
    )


def test_waiting() -> None:
    """Question 6, and what the page says about the mistakes of students."""
    check_question(6, 'Four jobs arrive in a second', 'one second on average', 'five slots', 'Six jobs')
    check_answer(
        6,
        f'B(5, 4) = {erlang_b(5, 4):.1%}'.replace('%', ' %'),
        f'C = {erlang_c(5, 4):.1%}'.replace('%', ' %'),
        f'= {mean_wait(5, 4):.2f} s',
        f'= {mean_wait(5, 4) / erlang_c(5, 4):g} s',
        f'{erlang_c(6, 4):.1%} must wait'.replace('%', ' %'),
        f'the mean wait is {mean_wait(6, 4):.2f} s: a quarter',
        f'{mean_wait(50, 40):.3f} s',
        'at least 1 in 6',
    )
    assert 0.2 < mean_wait(6, 4) / mean_wait(5, 4) < 0.3
    result = replay(Poisson(6, 'exp:1', jobs=20_000, seed=1), max_size=5, wait='exp:1', history=False)
    assert result.figures.refusal_share > 1 / 6

    assert 'More than half of the jobs wait in a pool of\n  five.' in PAGE
    assert 'one in a\n  hundred waits seven times as long as the mean' in PAGE
    assert 0.5 < erlang_c(5, 4) < 0.6
    assert round(wait_quantile(5, 4, 0.99) / mean_wait(5, 4)) == 7
