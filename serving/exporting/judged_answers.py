"""A version's dev items, with the answers and the scores that it was judged by."""

from dataclasses import dataclass
from math import isclose

from evaluation.evaluation_settings import Decoding
from evaluation.report.dev_items import DevItem, DevItems, kept_path, measured
from project.errors import InputError
from project.paths import ADAPTER
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import Row
from project.records.evidence import Evidence
from project.records.record import short
from project.settings import load
from registry.lineage import Lineage


@dataclass(frozen=True)
class Judged:
    """In the order of items; a score is None where a metric could not be measured on an item."""

    rows: tuple[Row, ...]
    answers: tuple[str, ...]
    scores: dict[str, tuple[float | None, ...]]
    gating: tuple[str, ...]
    better: tuple[str, ...]  # the metrics that have a better way


def judged_answers(lineage: Lineage) -> Judged:
    """Raises InputError where the dev items are not here, or are not those of its decision."""
    found = dev_items(lineage.version)
    if not found.items:
        raise InputError(f"the dev items that are kept of {lineage.version.label} are none")
    judged = in_columns(found)
    if lineage.evidence:
        refuse_other_items(judged, lineage.version, lineage.evidence)
    return judged


def dev_items(version: AdapterVersion) -> DevItems:
    """As they were kept when it was submitted, or as the stages left them."""
    path = kept_path(version.family, version.number)
    if path.is_file():
        return DevItems.kept(path)
    if ADAPTER.is_file() and Adapter.read(ADAPTER).files == version.adapter.files:
        return measured(version.number)
    raise InputError(
        f"no dev items are kept of {version.label}, so that its export cannot be compared with "
        "what was judged: `incumbent submit` keeps them where it runs; copy this file from there, "
        "or export without --for",
        file=path,
    )


def in_columns(found: DevItems) -> Judged:
    metrics = sorted({name for item in found.items for name in item.scores.challenger})
    return Judged(
        rows=tuple(item.row for item in found.items),
        answers=tuple(item.challenger for item in found.items),
        scores={name: tuple(score_of(item, name) for item in found.items) for name in metrics},
        gating=found.comparison.gating,
        better=tuple(m for m, way in found.comparison.better.items() if way != "neither"),
    )


def score_of(item: DevItem, metric: str) -> float | None:
    return None if metric in (item.scores.unread or ()) else item.scores.challenger.get(metric)


def refuse_other_items(judged: Judged, version: AdapterVersion, evidence: Evidence) -> None:
    """Raise InputError unless the scores are those of the evidence, which the registry keeps."""
    for metric in set(judged.scores) & set(evidence.dev):
        told, known = evidence.dev[metric], [s for s in judged.scores[metric] if s is not None]
        if told.challenger_mean is None or told.n != len(known):
            continue
        if not isclose(sum(known) / len(known), told.challenger_mean, abs_tol=1e-6):
            raise InputError(
                f"are not those that {version.label} was judged by: their mean of {metric} is "
                f"{sum(known) / len(known):.4f}, and the evidence says {told.challenger_mean:.4f}",
                file=kept_path(version.family, version.number),
            )


def judged_decoding(lineage: Lineage) -> Decoding:
    """How it answered when it was judged. Raises InputError where params.yaml says otherwise now:
    the digest alone was kept.
    """
    decoding = load(Decoding)
    pins = lineage.decision.pins if lineage.decision else None
    if pins and pins.decoding != decoding.digest:
        raise InputError(
            f"is not what {lineage.version.label} was judged with (digest {short(pins.decoding)}): "
            "put those settings back for the export",
            file="params.yaml",
            field="evaluation.decoding",
        )
    return decoding
