"""`incumbent verify`: chain, tables, artifacts, and every decision made again, byte for byte."""

import sys
from collections.abc import Sequence

from evaluation.decision.replay import check_registry
from incumbent.output import console, print_json
from registry.anchoring.anchor import AnchorReport
from registry.anchoring.anchor_places import read_anchors
from registry.store import Registry


def verify_registry(as_json: bool, places: Sequence[str] = ()) -> None:
    """Print what does not hold, and exit with 1; or say how much does.

    The history is held against the anchors in `places`, which are read before anything is checked.
    """
    anchors = [anchor for place in places for anchor in read_anchors(place)]
    with Registry.here() as registry:
        found = check_registry(registry, anchors)
    report = found.anchors
    if as_json:
        told = report.model_dump(mode="json", exclude={"problems"}) if places else None
        counts = {"events": found.events, "versions": found.versions}
        print_json({"problems": found.problems, **counts, "anchors": told})
    else:
        for place in report.cut_off:
            console.print(f"{place}: was cut off by a crash, and counts for nothing")
        for problem in found.problems:
            console.print(problem, soft_wrap=True)
    if found.problems:
        sys.exit(1)
    if not as_json:
        if places:
            print_anchors(report, checked=bool(registry.keys.public))
        console.print(
            f"{found.events} events in an unbroken chain, {found.versions} versions whole"
        )
        console.print(f"{found.decisions} decisions made again from their evidence: the same bytes")


def print_anchors(report: AnchorReport, *, checked: bool) -> None:
    """What the anchors cover, where all of them hold; `checked`: a public key could be asked."""
    signed = report.checked - report.unsigned
    console.print(f"the history fits its anchors: {report.checked}, signed: {signed}")
    if signed and not checked:
        console.print("no signature was checked: registry.public_keys in params.yaml names no key")
    console.print(f"the newest: {report.newest}; events since then: {report.later}", soft_wrap=True)
