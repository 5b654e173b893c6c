"""A dossier in the fields of tools that keep a bank's evidence: VerifyWise and ValidMind."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from project.canonical import stamp
from project.errors import InputError
from project.records.evidence import Bound, Measured
from registry.lineage import trace
from registry.store import Registry
from review.dossier.document import Dossier, Filled, Section

Tool = Literal["verifywise", "validmind"]
# VerifyWise's words for how far a subcontrol is.
STATUS = {
    Filled.RECORDS: "Done",
    Filled.WRITTEN: "Done",
    Filled.PARTLY: "In progress",
    Filled.MISSING: "Waiting",
}


def in_fields_of(tool: Tool, registry: Registry, dossier: Dossier) -> list[dict[str, Any]]:
    """Its evidence as that tool names it.

    Raises InputError where it has nothing that the tool would take.
    """
    if tool == "verifywise":
        return list(subcontrols(dossier))
    if not (fields := list(unit_metrics(registry, dossier.number))):
        raise InputError(f"{dossier.label} has nothing for {tool}: nobody has decided on it")
    return fields


def subcontrols(dossier: Dossier) -> Iterator[dict[str, Any]]:
    """A subcontrol for each question of a framework, in the fields of VerifyWise's
    `Clients/src/domain/types/Subcontrol.ts` (bluewave-labs/verifywise).

    Who owns, reviews and approves it are numbers of VerifyWise's users, which nobody here knows.
    """
    people = dict.fromkeys(("owner", "reviewer", "approver", "due_date", "risk_review"))
    sections = [section for part in dossier.parts[1:] for section in part.sections]
    for place, section in enumerate(sections, start=1):
        yield {
            "order_no": place,
            "title": f"{section.number} {section.title}",
            "description": "",
            "status": STATUS[section.filled],
            "implementation_details": section.written or "",
            "evidence_description": evidence_text(dossier, section),
            "feedback_description": " ".join(() if section.written else section.to_write),
            "evidence_files": [],
            "feedback_files": [],
        } | people


def evidence_text(dossier: Dossier, section: Section) -> str:
    titles = "; ".join(f"{number} {dossier.titled(number).title}" for number in section.see)
    return f"The dossier of {dossier.label} of {dossier.made} shows it: {titles}." if titles else ""


def unit_metrics(registry: Registry, number: int) -> Iterator[dict[str, Any]]:
    """A unit metric for each mean that the newest decision rests on, in the fields that
    `log_metric` of ValidMind's library 2.15.0 sends (validmind/api_client.py).
    """
    lineage = trace(registry, number)
    if lineage.decision is None or lineage.evidence is None:
        return
    decided = lineage.newest("decide")
    at = decided.at if decided else stamp(registry.clock())
    bounds = lineage.decision.bounds
    yield from metrics_of("dev", lineage.evidence.dev, at, {})
    yield from metrics_of("sealed", lineage.sealed, at, bounds)


def metrics_of(
    part: str, measured: Measured, at: str, bounds: Mapping[str, Bound]
) -> Iterator[dict[str, Any]]:
    for name, evidence in measured.items():
        bound = bounds.get(name)
        yield {
            "key": f"{name}_{part}",
            "value": evidence.challenger_mean,
            "inputs": [],
            "params": {
                "difference": evidence.diff,
                "standard_error": evidence.se,
                "items": evidence.n,
                "clusters": evidence.clusters,
            },
            "recorded_at": at,
            "thresholds": {"opponent": evidence.champion_mean},
            "passed": bound.won if bound else None,
        }
