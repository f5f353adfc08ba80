"""Check whether your own client keeps the plain contract that pools need, clause by clause.

Check it from the command line with ``pool-sim check-client my_module:make_client``, or in a test::

    from simulations import check_client

    def test_my_client_keeps_the_contract():
        check_client(make_client).assert_holds()
"""

from simulations.checking.check import check_client
from simulations.checking.clauses import CLAUSES, Clause
from simulations.checking.outcome import ClientCheck, Finding


__all__ = ['CLAUSES', 'Clause', 'ClientCheck', 'Finding', 'check_client']
