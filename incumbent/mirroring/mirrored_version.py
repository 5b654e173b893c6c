"""What a tracker is told of a version: settings, figures and digests, and no text of any row."""

import csv
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from evaluation.decision.score_evidence import ALL_ITEMS
from project.canonical import digest_json
from project.errors import IncumbentError, InputError
from project.paths import ADAPTER, step_of
from project.records.adapters import Adapter, AdapterVersion
from project.records.evidence import Bound, Measured
from project.records.record import Digest, Record
from registry.lineage import Lineage, name_of, trace
from registry.reader import RegistryReader
from registry.storage.tables import digest_at
from registry.tenure import CHAMPION
from training.recipe import STEPS

# --- learning curves ------------------------------------------------------------------------------

# The learning curves that the last training left, as a tracker charts them.


class CurvePoint(Record):
    step: int
    value: float


def curves_of(version: AdapterVersion) -> dict[str, tuple[CurvePoint, ...]]:
    """Each measure by step, such as `sft/loss`; none of another adapter. Raises InputError."""
    if not ADAPTER.exists() or Adapter.read(ADAPTER).files != version.adapter.files:
        return {}
    every = {f"{step}/{name}": points for step in STEPS for name, points in curves(step_of(step))}
    return {name: points for name, points in every.items() if points}


def curves(step: Path) -> Iterator[tuple[str, tuple[CurvePoint, ...]]]:
    folder = step / "plots" / "metrics"
    for file in sorted(folder.rglob("*.tsv")):
        name = file.relative_to(folder).with_suffix("")
        yield name.as_posix(), tuple(points_of(file, name.name))


def points_of(file: Path, name: str) -> Iterator[CurvePoint]:
    """What DVCLive wrote; a value that is no number, of a loss that broke, has no place in it."""
    with file.open(newline="") as stream:
        for line, row in enumerate(csv.DictReader(stream, delimiter="\t"), start=2):
            try:
                step, value = int(row["step"]), float(row[name])
            except (KeyError, TypeError, ValueError):
                problem = f"is no learning curve: it needs the columns step and {name}, of numbers"
                raise InputError(problem, file=file, line=line) from None
            if isfinite(value):
                yield CurvePoint(step=step, value=value)


# --- mirrored version -----------------------------------------------------------------------------


class MirroredVersion(Record):
    """One run in a tracker. The same version is the same run, however often it is told."""

    registry: Digest  # of its first event, which tells one registry from another
    family: str
    number: int
    submitted: str  # RFC 3339, UTC
    settings: dict[str, str]  # base and recipe
    curves: dict[str, tuple[CurvePoint, ...]]
    scores: dict[str, float]
    tags: dict[str, str]  # verdict, stage and digests
    summary: str  # the verdict with its reasons

    @property
    def label(self) -> str:
        return f"{self.family} v{self.number}"

    @property
    def key(self) -> Digest:
        """The key by which its run is found again."""
        return digest_json([self.registry, self.family, self.number])


def mirrored(registry: RegistryReader, number: int) -> MirroredVersion:
    """A version as the registry and the last training have it now."""
    lineage = trace(registry, number)
    return MirroredVersion(
        registry=first_event(registry),
        family=lineage.version.family,
        number=number,
        submitted=lineage.version.at,
        settings=settings_of(lineage),
        curves=curves_of(lineage.version),
        scores=dict(scores_of(lineage)),
        tags=tags_of(lineage) | {"stage": stage_of(registry, lineage)},
        summary=summary_of(lineage),
    )


def first_event(registry: RegistryReader) -> Digest:
    with registry.engine.connect() as connection:
        digest = digest_at(connection, 1)
    if digest is None:
        raise IncumbentError(
            "the registry lacks its first event; `incumbent registry verify` tells more"
        )
    return digest


def stage_of(registry: RegistryReader, lineage: Lineage) -> str:
    """What the version is to its family now."""
    number, kinds = lineage.version.number, {event.kind for event in lineage.history}
    if CHAMPION in lineage.aliases:
        return "champion"
    if lineage.deleted:
        return "deleted"
    if "reject" in kinds:
        return "rejected"
    if registry.rolled_back(number):
        _, lost = registry.tenure(number)
        return "withdrawn" if lost and lost.kind == "withdraw" else "rolled back"
    return "former champion" if kinds & {"promote", "rollback"} else "challenger"


def settings_of(lineage: Lineage) -> dict[str, str]:
    adapter = lineage.version.adapter
    settings: dict[str, object] = {
        "base": adapter.base.name,
        "base.revision": adapter.base.revision,
        "parent": lineage.parent,
        "numerics": adapter.numerics,
    }
    return {name: str(value) for name, value in settings.items() if value} | lineage.recipe


def tags_of(lineage: Lineage) -> dict[str, str]:
    adapter, decision = lineage.version.adapter, lineage.decision
    tags: dict[str, object] = {
        "adapter": adapter.files,
        "base_weights": adapter.base.weights,
        "dataset": adapter.dataset,
        "recipe": adapter.recipe,
        "git_commit": lineage.provenance and lineage.provenance.commit,
    }
    if decision:
        tags |= {
            "verdict": decision.verdict.value,
            "opponent": name_of(lineage.opponent),
            "look": decision.opening,
            "alpha": decision.alpha and f"{decision.alpha:.4g}",
            "decision": lineage.decision_digest,
            "evidence": decision.evidence,
            "policy": decision.policy,
        }
    return {name: str(value) for name, value in tags.items() if value is not None}


def summary_of(lineage: Lineage) -> str:
    decision = lineage.decision
    if decision is None:
        return "nobody has decided on it"
    against = f"**{decision.verdict.value}** against {name_of(lineage.opponent)}"
    look = f"look {decision.opening} at the sealed eval set" if decision.opening else "on dev"
    return "\n".join([f"{against}, {look}:", "", *(f"- {reason}" for reason in decision.reasons)])


def scores_of(lineage: Lineage) -> Iterator[tuple[str, float]]:
    """The scores on dev and, if it was looked at, on the sealed eval set with the bounds."""
    if lineage.evidence is None or lineage.decision is None:
        return
    yield from scores("dev", lineage.evidence.dev, {})
    bounds = lineage.decision.bounds if lineage.looked_at_sealed else {}
    yield from scores("sealed", lineage.sealed, bounds)
    yield from scores("general", lineage.evidence.general.get(ALL_ITEMS, {}), {})


def scores(part: str, measured: Measured, bounds: dict[str, Bound]) -> Iterator[tuple[str, float]]:
    """The version's own score of a metric, and what it is held against."""
    for metric, measurement in measured.items():
        name = f"{part}/{metric}"
        yield name, measurement.own_score
        if measurement.champion_mean is not None:
            yield f"{name}.champion", measurement.champion_mean
        yield f"{name}.difference", measurement.diff
        if bound := bounds.get(metric):
            yield f"{name}.lower_bound", bound.lower
            yield f"{name}.upper_bound", bound.upper
