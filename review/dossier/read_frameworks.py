"""Rule books as data: what each asks for, and which records of a version answer it.

A framework is a YAML file: those of `frameworks/`, or a user's own. Each question names records
that show its answer, by their names in EVIDENCE, and what a person must state.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from pydantic import Field, ValidationError, field_validator

from project.disclosure import DisclosureParams
from project.errors import InputError
from project.records.record import Record, invalid, read_input
from project.settings import load
from registry.model_card import licence
from review.dossier.document import DossierBlock, DossierPart, Section, VersionRecords
from review.dossier.dossier_figures import nightly_when

FOLDER = Path(__file__).parent / "frameworks"
DAY = r"^\d{4}-\d\d-\d\d$"
SIGN_OFFS = (
    *("submit", "sign", "decide", "promote", "rollback", "withdraw", "reject"),
    *("delete", "alias"),
    *("experiment", "experiment-end"),
)


# --- evidence -------------------------------------------------------------------------------------


class EvidenceRule(NamedTuple):
    """A record that may answer a question: where part 1 shows it, and whether it is there."""

    section: str
    what: str
    find: Callable[[VersionRecords], object]  # nothing, or an empty one: there is no such record


def measured(records: VersionRecords, *fields: str) -> bool:
    """Whether its evidence has something in one of these fields."""
    return any(getattr(records.lineage.evidence, field, None) for field in fields)


def happened(records: VersionRecords, *kinds: str) -> bool:
    return any(event.kind in kinds for event in records.lineage.history)


EVIDENCE = {
    "version": EvidenceRule("1.1", "what the model is", lambda r: r.lineage.version),
    "dataset": EvidenceRule("1.2", "the dataset", lambda r: r.lineage.dataset),
    "gate": EvidenceRule("1.2", "how its data passed their checks", lambda r: r.lineage.gate),
    "recipe": EvidenceRule("1.3", "the recipe of its training", lambda r: r.lineage.recipe),
    "dev_scores": EvidenceRule("1.4", "scores on the dev eval set", lambda r: measured(r, "dev")),
    "provenance": EvidenceRule(
        "1.5", "the commit and the packages of its training", lambda r: r.lineage.provenance
    ),
    "disclosure": EvidenceRule(
        "1.7",
        "a sentence that tells users that a machine answers",
        lambda r: load(DisclosureParams).text,
    ),
    # The gateway marks every answer.
    "marking": EvidenceRule("1.7", "a marking of answers for machines", lambda r: True),
    "calibration": EvidenceRule(
        "2.1",
        "how far its source of preference can be trusted",
        lambda r: measured(r, "calibration"),
    ),
    "monitoring": EvidenceRule("2.2", "a plan of nights", lambda r: nightly_when()),
    "nights": EvidenceRule("2.2", "a night that watched it", lambda r: r.nights),
    "deployments": EvidenceRule(
        "2.2", "a deployment", lambda r: r.traffic and r.traffic.deployments
    ),
    "decision": EvidenceRule("2.3", "a decision on it", lambda r: r.lineage.decision),
    "sealed_scores": EvidenceRule(
        "2.3", "scores on the sealed eval set", lambda r: r.lineage.sealed
    ),
    "slices": EvidenceRule("2.3", "scores of slices", lambda r: r.lineage.slices),
    "suites": EvidenceRule(
        "2.3",
        "a suite of safety, general ability or memorisation",
        lambda r: measured(r, "suites", "general"),
    ),
    "looks": EvidenceRule("2.3", "a look at the sealed eval set", lambda r: happened(r, "open")),
    "votes": EvidenceRule("2.3", "people's votes", lambda r: r.ballots),
    "limits": EvidenceRule("2.3", "measurements of its limits", lambda r: r.lineage.evidence),
    "base": EvidenceRule(
        "2.4", "the base's licence", lambda r: licence(r.lineage.version.adapter.base)
    ),
    "policy": EvidenceRule("3.2", "the policy of a decision", lambda r: r.policy),
    "controls": EvidenceRule(
        "3.2", "the registry's history, which enforces controls", lambda r: r.lineage.history
    ),
    "roles": EvidenceRule("3.3", "roles", lambda r: r.reader.roles.names("promote")),
    "sign_offs": EvidenceRule("3.3", "a sign-off", lambda r: happened(r, *SIGN_OFFS)),
    "verified": EvidenceRule("3.4", "a check of the records", lambda r: r.findings),
    "inventory": EvidenceRule("3.6", "the versions of its family", lambda r: r.inventory),
    "signature": EvidenceRule("3.7", "a signature", lambda r: r.lineage.newest("sign")),
    "changes": EvidenceRule("3.8", "its history", lambda r: r.lineage.history),
}


# --- a framework ----------------------------------------------------------------------------------


class Question(Record):
    """One thing that a framework asks for."""

    number: str = Field(min_length=1)  # as the framework names it; no other question has it
    title: str = Field(min_length=1)
    shown_by: tuple[str, ...] = ()  # names in EVIDENCE
    stated: tuple[str, ...] = ()  # what only a person can say

    @field_validator("shown_by")
    @classmethod
    def refuse_unknown_evidence(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted({*names} - EVIDENCE.keys()):
            raise ValueError(f"{unknown[0]!r} is no evidence; there are {', '.join(EVIDENCE)}")
        return names


class Framework(Record):
    """A law, guidance or standard, and what it asks for."""

    title: str
    about: str
    status: Literal["in force", "preparation", "voluntary", "superseded"]
    since: str = Field(pattern=DAY)  # in force, or published; of a preparation: from when on
    superseded: str | None = Field(default=None, pattern=DAY)  # when
    superseded_by: str | None = None  # another framework's name
    scope: str
    source: str
    checked: str  # what was compared with which source, and when
    questions: tuple[Question, ...] = Field(min_length=1)

    @property
    def end(self) -> str:
        """When it ended, and by what; empty: it has not."""
        if self.status != "superseded":
            return ""
        return f"superseded on {self.superseded or 'a day unknown'} by {self.superseded_by or '?'}"


def read_frameworks(names: Sequence[str], *, superseded: bool) -> list[Framework]:
    """Those of some names or files; of none all that are not superseded.

    Raises InputError for a name that is none, a file that is no framework, a question twice, and
    one that is superseded where that is not asked for.
    """
    known = frameworks()
    chosen = list(names) or [name for name, framework in known.items() if not framework.end]
    listed = [known[name] if name in known else read_framework(name) for name in chosen]
    for name, parsed in zip(chosen, listed, strict=True):
        if parsed.end and not superseded:
            raise InputError(f"{name} was {parsed.end}: --superseded takes it all the same")
    numbers = [question.number for framework in listed for question in framework.questions]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise InputError(f"two questions have the number {twice[0]}", field="number")
    return listed


@cache
def frameworks() -> dict[str, Framework]:
    """All that are here, by name."""
    return {path.stem: of_file(path) for path in sorted(FOLDER.glob("*.yaml"))}


def read_framework(name: str) -> Framework:
    if Path(name).suffix not in (".yaml", ".yml"):
        there = ", ".join(frameworks())
        raise InputError(f"{name!r} is no framework: there are {there}, or a file of yours, .yaml")
    return of_file(Path(name))


def of_file(path: Path) -> Framework:
    try:
        return Framework.model_validate_json(json.dumps(yaml.safe_load(read_input(path))))
    except yaml.YAMLError as error:
        raise InputError(f"is no YAML: {error}", file=path) from None
    except ValidationError as error:
        raise invalid(error, path) from None


# --- its part of a dossier ------------------------------------------------------------------------


def framework_part(framework: Framework, records: VersionRecords, number: int) -> DossierPart:
    """What the records say to each of its questions, and what is open."""
    state = framework.end or f"{framework.status}, since {framework.since}"
    if framework.status == "preparation":
        state = f"preparation: it applies from {framework.since}"
    facts = (
        ("status", state),
        ("scope", framework.scope),
        ("source", framework.source),
        ("checked", framework.checked),
    )
    return DossierPart(
        title=f"Part {number}: {framework.title}",
        about=framework.about,
        head=DossierBlock(facts=facts),
        sections=tuple(section_of(question, records) for question in framework.questions),
    )


def section_of(question: Question, records: VersionRecords) -> Section:
    rules = [EVIDENCE[name] for name in question.shown_by]
    there = [rule for rule in rules if rule.find(records)]
    lacking = [f"No record shows {rule.what}." for rule in rules if rule not in there]
    return Section(
        number=question.number,
        title=question.title,
        see=tuple(dict.fromkeys(rule.section for rule in there)),
        to_write=(*question.stated, *lacking),
    )
