"""``pool-ctl doctor``: what is wrong with a server, its users and its pools, and what to do.

=================  =================================================================================
``findings``       a finding, and the diagnosis as a whole
``following``      slots followed for some seconds, to see which come near their expiry
``facts``          what a check may look at, read from a server
``permissions``    which of the library's requests a user may not send
``of_servers``     the checks of a server: a function each
``of_pools``       the checks of the pools: a function each
``diagnosing``     all checks, in order
``screen``         the diagnosis for a terminal
=================  =================================================================================
"""

from py_cachify.ctl.doctor.diagnosing import CHECKS, diagnose
from py_cachify.ctl.doctor.findings import Diagnosis, Finding


__all__ = ['CHECKS', 'Diagnosis', 'Finding', 'diagnose']
