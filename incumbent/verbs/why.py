"""`registry why`: why a version was or was not promoted, and what would turn that."""

from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.decision.ways_out import ways_out
from evaluation.report.right_answers import right_lines
from incumbent.options import Json, VersionNumber
from incumbent.output import console, print_json
from project.errors import InputError
from project.records.evidence import Evidence
from registry.overview.why_paragraph import why
from registry.reader import RegistryReader


def print_why(number: VersionNumber, as_json: Json = False) -> None:
    """Say in a paragraph why a version was or was not promoted."""
    with RegistryReader.here() as registry:
        paragraph = why(registry, number)
        label = registry.version(number).label
        right, ways = told_by_evidence(registry, number)
    if as_json:
        print_json({"version": label, "why": paragraph, "right": right, "ways_out": ways})
        return
    for line in right:
        console.print(line, soft_wrap=True)
    console.print(paragraph)
    for way in ways:
        console.print(f"What would turn it: {way}", soft_wrap=True)


def told_by_evidence(registry: RegistryReader, number: int) -> tuple[list[str], list[str]]:
    """How many answers were right, and what would turn the newest decision; nothing where a person
    has ended it, or its policy is of another form.
    """
    decision = registry.decision(number)
    if decision is None:
        return [], []
    evidence = registry.artifacts.get_record(Evidence, decision.evidence)
    measured = evidence.dev if decision.opening is None else evidence.sealed
    right = list(right_lines(measured))
    if registry.newest_event(number, "reject") or registry.rolled_back(number):
        return right, []
    try:
        policy = Policy.parse(registry.artifacts.get(decision.policy), Path(decision.policy))
    except InputError:
        return right, []
    return right, list(ways_out(evidence, decision, policy))
