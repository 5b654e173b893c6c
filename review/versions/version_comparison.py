"""Two versions side by side: what they are, how they were trained, what was measured of each."""

from collections.abc import Iterator, Mapping

from pydantic import Field

from project.canonical import readable
from project.records.ballots import SheetPart
from project.records.evidence import Decision, Measured
from project.records.field_change import FieldChange, adapter_facts, side_by_side
from project.records.record import Record
from project.records.scores import ScorePins
from registry.lineage import Lineage, name_of
from registry.reader import RegistryReader
from registry.version_search import VersionStanding, standing_of_version
from review.frame.event_words import VersionDifference, central
from review.voting.blinding import traced

# Of what two measurements must agree in before their numbers may stand side by side, in words.
PINS = {
    "eval_set": "other eval items",
    "champion": "another opponent",
    "decoding": "another way of answering (decoding)",
    "scorers": "other scorers",
    "numerics": "other numerics",
}


class FactPair(FieldChange):
    """One fact of both; None: it is not known, or there is none."""

    before: str | None = Field(serialization_alias="a")
    after: str | None = Field(serialization_alias="b")


class Measure(VersionDifference):
    """One metric of one version, against its own opponent."""

    own: float | None  # its mean; None for a preference, which has no two sides


class MeasurePair(Record):
    metric: str
    a: Measure | None
    b: Measure | None


class Side(Record):
    """One of the two."""

    standing: VersionStanding
    against: str | None  # its newest opponent; None: nothing was decided
    part: SheetPart | None  # on which it was measured


class VersionComparison(Record):
    """Two versions, and whether what was measured of them may be compared."""

    a: Side
    b: Side
    facts: tuple[FactPair, ...]
    recipe: tuple[FactPair, ...]  # the settings that differ
    recipe_same: int  # how many settings do not
    recipe_known: bool  # whether both recipes are stored
    measures: tuple[MeasurePair, ...]
    direct: int | None  # the one of the two that was measured against the other one
    differing: tuple[str, ...]  # why their numbers must not be compared; none: they may
    command: str  # that compares them


def compare(reader: RegistryReader, first: int, second: int, *, blind: bool) -> VersionComparison:
    """Of two versions, without what people say where `blind`. Raises IncumbentError."""
    a, b = standing_of_version(reader, first), standing_of_version(reader, second)
    assert a is not None and b is not None, "there are such versions"
    left, right = (traced(reader, number, blind=blind) for number in (first, second))
    recipes = pairs(left.recipe, right.recipe)
    differing = [pair for pair in recipes if not pair.same]
    return VersionComparison(
        a=side(a, left),
        b=side(b, right),
        facts=pairs(facts_of(left), facts_of(right)),
        recipe=tuple(differing),
        recipe_same=len(recipes) - len(differing),
        recipe_known=bool(left.recipe and right.recipe),
        measures=measures(left, right),
        direct=direct(left, right),
        differing=tuple(apart(left, right)),
        command=command(a, b),
    )


def side(standing: VersionStanding, lineage: Lineage) -> Side:
    decided = lineage.decision is not None
    return Side(
        standing=standing,
        against=name_of(lineage.opponent) if decided else None,
        part=part(lineage) if decided else None,
    )


def part(lineage: Lineage) -> SheetPart:
    return "sealed" if lineage.looked_at_sealed else "dev"


def measured(lineage: Lineage) -> Measured:
    if lineage.evidence is None:
        return {}
    return lineage.sealed if lineage.looked_at_sealed else lineage.evidence.dev


# --- facts --------------------------------------------------------------------------------------


def facts_of(lineage: Lineage) -> dict[str, str]:
    version, dataset, decision = lineage.version, lineage.dataset, lineage.decision
    known = {
        "submitted": readable(version.at),
        "by": version.actor,
        "verdict": decision and decision.verdict.value,
        "compared with": decision and name_of(lineage.opponent),
        "adapter": version.adapter.files,
        "base weights": version.adapter.base.weights,
        "recipe": version.adapter.recipe,
        "rows": dataset and dataset.rows,
        **adapter_facts(version.adapter),
        "dataset": str(dataset or lineage.origin),
        "trained from": lineage.parent or "the base",
    }
    return {name: value for name, value in known.items() if value}


def pairs(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[FactPair, ...]:
    """The first version stands where what was before stands."""
    return tuple(FactPair.model_validate(change.model_dump()) for change in side_by_side(a, b))


# --- measures -----------------------------------------------------------------------------------


def measures(left: Lineage, right: Lineage) -> tuple[MeasurePair, ...]:
    """The gating metrics first."""
    a, b = measured(left), measured(right)
    gating = dict.fromkeys([*left.gating, *right.gating])
    names = dict.fromkeys([*gating, *sorted(a.keys() | b.keys())])
    return tuple(
        MeasurePair(metric=name, a=measure(a, name), b=measure(b, name))
        for name in names
        if name in a or name in b
    )


def measure(measured: Measured, metric: str) -> Measure | None:
    if (evidence := measured.get(metric)) is None:
        return None
    return Measure(own=evidence.challenger_mean, **central(evidence).model_dump())


def direct(left: Lineage, right: Lineage) -> int | None:
    """The version whose evidence is against the other one."""
    for lineage, other in ((left, right), (right, left)):
        pins = pins_of(lineage.decision)
        if pins and pins.champion == other.version.adapter.files:
            return lineage.version.number
    return None


def apart(left: Lineage, right: Lineage) -> Iterator[str]:
    """What differs between the two measurements, in words."""
    a, b = pins_of(left.decision), pins_of(right.decision)
    if a is None or b is None:
        unknown = [record.version.label for record, pins in ((left, a), (right, b)) if pins is None]
        yield f"nothing was measured of {' and '.join(unknown)}"
        return
    if part(left) != part(right):
        yield "one was measured on the dev eval set alone, the other on the sealed one"
    for name, words in PINS.items():
        if getattr(a, name) != getattr(b, name):
            yield words


def pins_of(decision: Decision | None) -> ScorePins | None:
    return decision.pins if decision else None


def command(a: VersionStanding, b: VersionStanding) -> str:
    """What compares the two: with the champion, on the sealed set; else on anybody's scores."""
    for champion, other in ((a, b), (b, a)):
        if champion.champion and not other.deleted and other.version.number:
            return f"incumbent registry reevaluate {other.version.number}"
    return "incumbent decide --scores FILE"
