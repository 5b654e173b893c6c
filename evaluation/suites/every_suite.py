"""The suites that there are, and which of them a project has on."""

from evaluation.suites.consistency import Consistency
from evaluation.suites.memorisation import Memorisation
from evaluation.suites.safety import Safety
from evaluation.suites.suite import GeneralAbility, Suite

GENERAL = GeneralAbility()
# Of these a policy guards what it names; the bare base answers them too.
SUITES: tuple[Suite, ...] = (Safety(), Consistency())
# What it asks hangs on what the challenger learnt, so stage `generate` says it.
MEMORISATION = Memorisation()


def suites_on() -> list[Suite]:
    """Those of SUITES that ask something here."""
    return [suite for suite in SUITES if suite.rows()]
