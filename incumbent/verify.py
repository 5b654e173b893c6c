"""`incumbent verify`: chain, tables, artifacts, and every decision made again, byte for byte."""

import sys
from collections.abc import Iterator

from evaluation.decision import rule
from evaluation.policy import Policy
from incumbent.output import console, print_json
from registry.audit import problems
from registry.errors import IncumbentError
from registry.records import Decision, Event, Evidence
from registry.signing import verified
from registry.store import Registry


def verify_registry(as_json: bool) -> None:
    """Print what does not hold, and exit with 1; or say how much does."""
    with Registry.here() as registry:
        found = list(problems(registry))
        decided = registry.history(kind="decide") if not found else []
        found += changed_decisions(registry, decided)
        found += forged_signatures(registry)
        events, versions = len(registry.history()), len(registry.versions())
    if as_json:
        print_json({"problems": found, "events": events, "versions": versions})
    else:
        for problem in found:
            console.print(problem, soft_wrap=True)
    if found:
        sys.exit(1)
    if not as_json:
        console.print(f"{events} events in an unbroken chain, {versions} versions whole")
        console.print(f"{len(decided)} decisions made again from their evidence: the same bytes")


def forged_signatures(registry: Registry) -> Iterator[str]:
    for version in registry.versions():
        try:
            verified(registry, version)
        except IncumbentError as error:
            yield f"v{version.number}: {error}"


def changed_decisions(registry: Registry, decided: list[Event]) -> Iterator[str]:
    for event in decided:
        if problem := replayed(registry, str(event.detail["decision"])):
            yield f"v{event.version}, event {event.seq}: {problem}"


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
