"""Where a version comes from and what became of it, gathered from the registry's records."""

import json
from typing import Any, TypeVar

from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion, ContestantSheet, Opponent, Provenance
from project.records.data import DatasetVersion, DataSource, DataSources, GateReport
from project.records.events import DecisionMade, Event, Promotion, Submission
from project.records.evidence import Decision, Evidence, Measured
from project.records.record import Digest, Record
from registry.adapter_import.lora_config import ImportedOrigin, MergedOrigin
from registry.reader import RegistryReader

R = TypeVar("R", bound=Record)

SINGLE_VOTES = ("show", "vote", "unvote")  # kinds of events
STEPS = ("domain", "sft", "distill", "dpo", "kto", "grpo")  # of training, in their order
MARKS: dict[type[Record], str] = {GateReport: "checks", DataSources: "collected_from"}
# What stands in the place of a dataset, by its kind.
Origin = ImportedOrigin | MergedOrigin | ContestantSheet
ORIGINS: dict[str, type[Origin]] = {
    "imported": ImportedOrigin,
    "merged": MergedOrigin,
    "contestant": ContestantSheet,
}
RECIPE = "recipe.json"  # in the folder of an adapter that training here has made


class Lineage(Record):
    """The chain from an adapter to its rows, and all that was found and done about it."""

    version: AdapterVersion
    deleted: bool
    aliases: tuple[str, ...]  # that name it now
    dataset: DatasetVersion | None  # None: imported, the data are not known
    origin: Origin | None  # None: trained here
    provenance: Provenance | None  # None: not recorded
    gate: GateReport | None
    sources: tuple[DataSource, ...]  # of the dataset; empty where they are not known
    recipe: dict[str, str]  # its settings, as they were in params.yaml; empty where not known
    parent: str | None  # label of the version that training started from, or those it was merged of
    teacher: str | None = None  # of the version that it was distilled from
    opponent: Opponent | None  # whom the newest decision is about
    decision: Decision | None
    evidence: Evidence | None
    gating: tuple[str, ...]  # the metrics that decided
    history: tuple[Event, ...]  # single votes aside, of which there are very many

    @property
    def decision_digest(self) -> Digest | None:
        """The digest of the newest decision, as it was stored."""
        made = [e.detail.decision for e in self.history if isinstance(e.detail, DecisionMade)]
        return made[-1] if made else None

    def newest(self, kind: str) -> Event | None:
        return next((event for event in reversed(self.history) if event.kind == kind), None)

    @property
    def marks(self) -> list[str]:
        """What is to be known of the version itself, beside its verdict and its aliases."""
        forced = any(isinstance(e.detail, Promotion) and e.detail.forced for e in self.history)
        return [
            *(["promoted by force"] if forced else []),
            *(["rejected"] if self.newest("reject") else []),
            *(["deleted"] if self.deleted else []),
        ]

    @property
    def looked_at_sealed(self) -> bool:
        """Whether the sealed eval set was looked at: else nothing of it may be shown."""
        return self.decision is not None and self.decision.opening is not None

    @property
    def sealed(self) -> Measured:
        return self.evidence.sealed if self.evidence and self.looked_at_sealed else {}

    @property
    def slices(self) -> dict[str, Measured]:
        return self.evidence.slices if self.evidence and self.looked_at_sealed else {}


def dataset_of(reader: RegistryReader, digest: Digest) -> DatasetVersion | None:
    """None of a version that was made elsewhere, whose data nobody knows."""
    try:
        data = json.loads(reader.artifacts.get(digest))
    except IncumbentError:  # erased, at a person's wish
        return None
    return None if data.get("kind") in ORIGINS else DatasetVersion.model_validate(data)


def trace(reader: RegistryReader, number: int) -> Lineage:
    """Gather a version's lineage. Raises InputError, or IncumbentError for a missing record."""
    version = reader.version(number)
    history = tuple(reader.history(number, without=SINGLE_VOTES))
    deleted = reader.deleted(number)
    decision = reader.decision(number)
    data = json.loads(reader.artifacts.get(version.adapter.dataset))
    model = ORIGINS.get(data.get("kind"))
    origin = model.model_validate(data) if model else None
    sources = submitted_record(reader, history, DataSources)
    return Lineage(
        version=version,
        deleted=deleted,
        aliases=tuple(name for name, n in reader.aliases().items() if n == number),
        dataset=None if origin else DatasetVersion.model_validate(data),
        origin=origin,
        provenance=reader.provenance(number),
        gate=submitted_record(reader, history, GateReport),
        sources=sources.collected_from if sources else (),
        recipe={} if deleted else settings(reader, version),
        parent=origin.of
        if isinstance(origin, MergedOrigin)
        else label_of(reader, version.adapter.parent),
        teacher=None if deleted else label_of(reader, teacher_of(reader, version)),
        opponent=opponent(reader, decision),
        decision=decision,
        evidence=reader.artifacts.get_record(Evidence, decision.evidence) if decision else None,
        gating=gating(reader, decision) if decision else (),
        history=history,
    )


def submitted_record(
    reader: RegistryReader, history: tuple[Event, ...], model: type[R]
) -> R | None:
    """The record of a kind that was submitted with the version, by the field that it alone has."""
    submitted = (e.detail for e in history if isinstance(e.detail, Submission))
    for digest in next((submission.records for submission in submitted), ()):
        there = reader.artifacts.blobs.exists(digest)  # else it was erased, at a person's wish
        if there and MARKS[model] in json.loads(reader.artifacts.get(digest)):
            return reader.artifacts.get_record(model, digest)
    return None


def recipe_of(reader: RegistryReader, version: AdapterVersion) -> dict[str, Any]:
    """The recipe, if the file in the adapter's folder is the one that was pinned; else nothing."""
    blob = reader.artifacts.manifest(version.adapter.files).get(RECIPE)
    data = reader.artifacts.get(blob).rstrip(b"\n") if blob else b""
    recipe: dict[str, Any] = (
        json.loads(data) if digest_bytes(data) == version.adapter.recipe else {}
    )
    return recipe


def teacher_of(reader: RegistryReader, version: AdapterVersion) -> Digest | None:
    """The adapter that a version was distilled from on-policy, if it was."""
    taught = (recipe_of(reader, version).get("distill") or {}).get("teacher") or {}
    return taught.get("adapter")


def settings(reader: RegistryReader, version: AdapterVersion) -> dict[str, str]:
    return {
        f"{section}.{name}" if section else name: json.dumps(value, ensure_ascii=False)
        for section, params in sections_of(recipe_of(reader, version)).items()
        for name, value in params.items()
    }


def sections_of(recipe: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings by their section; those of the first recipes had none."""
    if "params" in recipe:
        return {"": dict(sorted(recipe["params"].items()))}
    if not recipe:
        return {}
    told = {name: recipe.get(name) for name in STEPS}
    steps = {n: s["params"] for n, s in told.items() if isinstance(s, dict) and "params" in s}
    return {"adapter": recipe.get("adapter", {}), **steps}


def label_of(reader: RegistryReader, adapter: Digest | None) -> str | None:
    """The label of the version that an adapter is, or of what is left of its digest."""
    if adapter is None:
        return None
    known = reader.version_of(adapter)
    return known.label if known else f"adapter {adapter}, no version of {reader.family}"


def opponent(reader: RegistryReader, decision: Decision | None) -> Opponent | None:
    """Whom a decision compared the version with: by number, if it is of this family."""
    if decision is None or decision.pins is None:
        return None
    champion = decision.pins.champion
    known = reader.version_of(champion) if champion else None
    return Opponent(
        adapter=champion,
        version=known.number if known else None,
        contestant=decision.pins.contestants[0] if decision.pins.contestants else None,
    )


def apart(decision: Decision | None) -> str | None:
    """What differs between the two that a decision compared, beside their adapters, in words."""
    return decision.pins.apart if decision and decision.pins else None


def gating(reader: RegistryReader, decision: Decision) -> tuple[str, ...]:
    """The metrics that gate under the decision's policy, whose model is evaluation's own."""
    policy = json.loads(reader.artifacts.get(decision.policy))
    return tuple(policy.get("gating", ()))


def name_of(opponent: Opponent | None) -> str:
    """The opponent in words; another family's adapter by its digest."""
    if opponent is None:
        return "an unknown opponent"
    if opponent.adapter and opponent.version is None:
        return f"adapter {opponent.adapter}"
    return f"v{opponent.version}" if opponent.version else "the bare base"
