"""The suites that there are, which of them a project has on, and their score tables."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.suites.consistency import Consistency
from evaluation.suites.general_ability import GeneralAbility
from evaluation.suites.memorisation import Memorisation
from evaluation.suites.safety import Safety
from evaluation.suites.suite import Suite, score_sides
from project.paths import SCORES
from project.records.evidence import SuiteEvidence
from project.records.record import write_records
from project.records.scores import ItemScore

GENERAL = GeneralAbility()
# Of these a policy guards what it names; the bare base answers them too.
SUITES: tuple[Suite, ...] = (Safety(), Consistency())
# What it asks hangs on what the challenger learnt, so stage `generate` says it.
MEMORISATION = Memorisation()


def suites_on() -> list[Suite]:
    """Those of SUITES that ask something here."""
    return [suite for suite in SUITES if suite.rows()]


# --- tables ---------------------------------------------------------------------------------------

# The suites' score tables: stage `score` writes them, stage `compare` weighs them.


def write_suite_tables(folder: Path, phrasings: Sequence[str] = ()) -> None:
    """Score the answers to every suite: the champion's beside the challenger's, and the bare base's
    in the champion's place where it answered.
    """
    for suite in (GENERAL, *suites_on(), MEMORISATION):
        for role in (Role.CHAMPION, Role.BASE):
            if answers_of(role, suite.name).exists():
                theirs, ours = (
                    Answer.read_lines(answers_of(side, suite.name))
                    for side in (role, Role.CHALLENGER)
                )
                table = score_sides(suite, theirs, ours, phrasings)
                write_records(folder / table_name(suite.name, role), table)


def read_suite_evidence(policy: Policy) -> dict[str, SuiteEvidence] | None:
    """What the suites but the general one say; None where none is on."""
    # Imported here because it brings scipy, and `incumbent run` asks this module for names alone.
    from evaluation.decision.suite_guards import weigh_suite

    evidence = {}
    for suite in (*SUITES, MEMORISATION):
        champion, base = (read_table(suite.name, role) for role in (Role.CHAMPION, Role.BASE))
        if champion is not None:
            evidence[suite.name] = weigh_suite(champion, base, suite.better, policy)
    return evidence or None


def read_table(suite: str, role: Role) -> tuple[ItemScore, ...] | None:
    path = SCORES / table_name(suite, role)
    return ItemScore.read_lines(path) if path.exists() else None


def table_name(suite: str, role: Role) -> str:
    """The table's name, by whom stands in the champion's place."""
    return f"{suite}.jsonl" if role == Role.CHAMPION else f"{suite}.{role}.jsonl"
