"""`incumbent verify`: chain, tables, artifacts, and every decision made again, byte for byte."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.decision.replay import remake
from incumbent.output import console, print_json
from project.errors import IncumbentError
from project.records.events import DecisionMade, Event
from project.records.evidence import Decision, Evidence
from registry.anchoring.anchor_check import AnchorReport, check_anchors
from registry.anchoring.anchor_places import read_anchors
from registry.audit import counted, problems
from registry.signing.signatures import verified
from registry.store import Registry


def verify_registry(as_json: bool, places: Sequence[str] = ()) -> None:
    """Print what does not hold, and exit with 1; or say how much does.

    The history is held against the anchors in `places`, which are read before anything is checked.

    All families are checked; signatures only those of the project's own, as it knows no other keys.
    What rests on the tables is looked at where these hold.
    """
    anchors = [anchor for place in places for anchor in read_anchors(place)]
    with Registry.here() as registry:
        report = check_anchors(registry, anchors)
        events, versions = counted(registry)
        found = list(problems(registry))
        decided = [] if found else decisions(registry)
        if not found:
            found = [*changed_decisions(registry, decided), *forged_signatures(registry)]
        found += report.problems
    if as_json:
        told = report.model_dump(mode="json", exclude={"problems"}) if places else None
        print_json({"problems": found, "events": events, "versions": versions, "anchors": told})
    else:
        for place in report.cut_off:
            console.print(f"{place}: was cut off by a crash, and counts for nothing")
        for problem in found:
            console.print(problem, soft_wrap=True)
    if found:
        sys.exit(1)
    if not as_json:
        if places:
            print_anchors(report, checked=bool(registry.keys.public))
        console.print(f"{events} events in an unbroken chain, {versions} versions whole")
        console.print(f"{len(decided)} decisions made again from their evidence: the same bytes")


def print_anchors(report: AnchorReport, *, checked: bool) -> None:
    """What the anchors cover, where all of them hold; `checked`: a public key could be asked."""
    signed = report.checked - report.unsigned
    console.print(f"the history fits its anchors: {report.checked}, signed: {signed}")
    if signed and not checked:
        console.print("no signature was checked: registry.public_keys in params.yaml names no key")
    console.print(f"the newest: {report.newest}; events since then: {report.later}", soft_wrap=True)


def decisions(registry: Registry) -> list[Event]:
    """Every family's."""
    return [event for family in registry.families() for event in family.history(kind="decide")]


def forged_signatures(registry: Registry) -> Iterator[str]:
    for version in registry.versions():
        try:
            verified(registry, version)
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
