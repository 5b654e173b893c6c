"""A stored decision made again by the rule that made it, and so all decisions of a registry."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation.decision import rule
from evaluation.decision.policy import Policy
from project.errors import IncumbentError
from project.records.events import DecisionMade, Event
from project.records.evidence import Decision, Evidence
from project.records.record import Record
from registry.attestation import check_attestation
from registry.audit import events_and_versions, problems, refuse_missing_tables
from registry.chain_anchor import AnchorReport, FoundAnchor, check_anchors
from registry.signatures import verified
from registry.store import Registry


class Rule(NamedTuple):
    policy: type[Record]  # the policy as it was then
    rule: Callable[..., Decision]


# By the version that decisions name. A rule that has made one stays here for ever, with its policy.
RULES = {rule.VERSION: Rule(Policy, rule.rule)}


def remake(stored: Decision, evidence: Evidence, policy: bytes) -> Decision:
    """The decision that its rule gives on the same evidence, policy and look.

    `policy` are the stored bytes, which the rule reads as it did then. Raises IncumbentError for a
    rule that only a newer version of Incumbent knows.
    """
    if stored.rule not in RULES:
        raise IncumbentError(
            f"rule {stored.rule} made it, which this version of Incumbent does not know (it knows "
            f"up to {max(RULES)}): install a newer one"
        )
    then = RULES[stored.rule]
    settings = then.policy.parse(policy, Path(stored.policy))
    again = then.rule(evidence, settings, stored.opening, stored.budget)
    # What was stored is named by the digest of its bytes, whatever it reads as today.
    return again.model_copy(update={"evidence": stored.evidence, "policy": stored.policy})


# --- registry check -------------------------------------------------------------------------------

# A whole check of the registry: chain, tables, artifacts, signatures, and every decision again.


class RegistryCheck(Record):
    """What does not hold, and how much was looked at."""

    problems: tuple[str, ...]
    events: int
    versions: int  # that were not deleted
    decisions: int  # that were made again; 0 where the tables do not hold
    anchors: AnchorReport


def check_registry(registry: Registry, anchors: Sequence[FoundAnchor] = ()) -> RegistryCheck:
    """All families are checked; signatures only those of the project's own, as it knows no other
    keys. What rests on the tables is looked at where these hold. Raises IncumbentError where the
    database lacks a table.
    """
    refuse_missing_tables(registry)
    report = check_anchors(registry, anchors)
    events, versions = events_and_versions(registry)
    faults = list(problems(registry))
    decided = [] if faults else decisions(registry)
    if not faults:
        faults = [*changed_decisions(registry, decided), *forged_signatures(registry)]
    return RegistryCheck(
        problems=(*faults, *report.problems),
        events=events,
        versions=versions,
        decisions=len(decided),
        anchors=report,
    )


def decisions(registry: Registry) -> list[Event]:
    """Every family's."""
    return [event for family in registry.families() for event in family.history(kind="decide")]


def forged_signatures(registry: Registry) -> Iterator[str]:
    for version in registry.versions():
        try:
            verified(registry, version)
            check_attestation(registry, version)
        except IncumbentError as error:
            yield f"{version.label}: {error}"


def changed_decisions(registry: Registry, decided: list[Event]) -> Iterator[str]:
    for event in decided:
        if problem := replayed(registry, event.told(DecisionMade).decision):
            yield f"{event.family} v{event.version}, event {event.seq}: {problem}"


def replayed(registry: Registry, digest: str) -> str | None:
    """What is wrong with a stored decision; None when it comes out the same."""
    try:
        data = registry.artifacts.get(digest)
        stored = Decision.parse(data, Path(digest))
        evidence = registry.artifacts.get_record(Evidence, stored.evidence)
        again = remake(stored, evidence, registry.artifacts.get(stored.policy))
    except IncumbentError as error:
        return str(error)
    if again.canonical() != data:
        return f"the evidence gives {again}, the registry holds {stored}"
    return None
