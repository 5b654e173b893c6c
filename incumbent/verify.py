"""`incumbent verify`: whether every stored decision follows from its evidence, byte for byte."""

import sys

from evaluation.decision import rule
from evaluation.policy import Policy
from incumbent.output import console
from registry.errors import IncumbentError
from registry.records import Decision, Evidence
from registry.store import Registry


def verify_decisions() -> None:
    """Print what does not hold, and exit with 1; or say how much does."""
    with Registry.here() as registry:
        decided = registry.history(kind="decide")
        found = [(event, replayed(registry, str(event.detail["decision"]))) for event in decided]
    problems = [f"v{e.version}, event {e.seq}: {problem}" for e, problem in found if problem]
    for problem in problems:
        console.print(problem, soft_wrap=True)
    if problems:
        sys.exit(1)
    console.print(f"{len(decided)} decisions made again from their evidence: the same bytes")


def replayed(registry: Registry, digest: str) -> str | None:
    """What is wrong with a stored decision; None when it comes out the same."""
    try:
        stored = registry.artifacts.get_record(Decision, digest)
        evidence = registry.artifacts.get_record(Evidence, stored.evidence)
        policy = registry.artifacts.get_record(Policy, stored.policy)
        again = rule(evidence, policy, stored.opening, stored.budget)
    except IncumbentError as error:
        return str(error)
    if again.canonical() != stored.canonical():
        return f"the evidence gives {again}, the registry holds {stored}"
    return None
