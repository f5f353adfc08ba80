"""All mutants, by place, and those that no schedule can show."""

from tests.mutants.beyond import BEYOND as BEYOND_OTHERS
from tests.mutants.holding import BEYOND_HOLDING, HOLDING
from tests.mutants.memory import NAMES, SLOTS
from tests.mutants.mutant import Beyond, Mutant
from tests.mutants.observing import BEYOND_OBSERVING
from tests.mutants.protocols import ATOMIC, INDEXED
from tests.mutants.scripts import SCRIPTS
from tests.mutants.waiting import WAITING


MUTANTS: tuple[Mutant, ...] = (*ATOMIC, *INDEXED, *SCRIPTS, *SLOTS, *NAMES, *WAITING, *HOLDING)
BEYOND: tuple[Beyond, ...] = (*BEYOND_OTHERS, *BEYOND_HOLDING, *BEYOND_OBSERVING)

__all__ = ['BEYOND', 'MUTANTS', 'Beyond', 'Mutant']
