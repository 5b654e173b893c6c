"""A version made again: its commit in a folder of its own, the pipeline up to `train`, for real."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.decision.statistics import bounds, holm, p_above, p_below
from incumbent.code import Code, changed_files
from incumbent.current_provenance import installed_packages
from incumbent.pipeline import needed_for, read_pipeline
from incumbent.reproducing.project_copy import (
    ReproducibleVersion,
    cached,
    code_checksum,
    copy_project,
    fetch_sources,
    inside,
    log_kept,
    seat,
    seat_parent,
)
from incumbent.running.dvc_repro import refuse_wrong_settings, reproduce, run_dvc
from incumbent.running.run_screen import RunScreen
from project.canonical import digest_file
from project.errors import IncumbentError
from project.paths import ADAPTER, ADAPTER_FILES, CODE, EVIDENCE
from project.records.adapters import Adapter, Numerics
from project.records.evidence import Evidence, Measured, MetricEvidence
from project.records.field_change import adapter_facts, differing
from project.records.record import Digest, Record
from registry.lineage import RECIPE
from registry.reader import RegistryReader

# --- training differences -------------------------------------------------------------------------

# In what two trainings differ, of all that decides an adapter's bytes and is on record.

SHOWN_FILES = 4  # files of a stage that are named


def adapter_differences(original: Adapter, reproduced: Adapter) -> Iterator[str]:
    """Numerics, base and rows; each in a line."""
    return map(str, differing(adapter_facts(original), adapter_facts(reproduced)))


def package_differences(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    if changes := sorted(map(str, differing(then, now))):
        yield f"packages: {'; '.join(changes)}"


def code_differences(then: Mapping[str, Code] | None, now: Mapping[str, Code]) -> Iterator[str]:
    """Files of code by the stages that run them; `then` is None where it is kept nowhere."""
    if then is None:
        yield "code: which it was is kept nowhere any more, so it may have changed"
        return
    by_files: dict[tuple[str, ...], list[str]] = {}
    for stage, code in now.items():
        if files := tuple(changed_files(then.get(stage, Code(files={})), code)):
            by_files.setdefault(files, []).append(stage)
    for files, stages in by_files.items():
        more = f" and {len(files) - SHOWN_FILES} more" if len(files) > SHOWN_FILES else ""
        yield f"code of {', '.join(stages)}: {', '.join(files[:SHOWN_FILES])}{more}"


def recipe_differences(then: bytes, now: bytes) -> Iterator[str]:
    """Settings and data of the steps: what a recipe has beside base and numerics."""
    old, new = flat(json.loads(then)), flat(json.loads(now))
    for change in sorted(map(str, differing(old, new))):
        if not change.startswith(("base.", "numerics.")):
            yield f"recipe: {change}"


def flat(value: Any, name: str = "") -> dict[str, str]:
    """Every value of a recipe by its dotted name."""
    if not isinstance(value, dict):
        return {name: json.dumps(value, ensure_ascii=False)}
    parts = (flat(inner, f"{name}.{key}" if name else key) for key, inner in value.items())
    return {key: text for part in parts for key, text in part.items()}


# --- dev difference -------------------------------------------------------------------------------

# How the reproduced adapter does on dev beside the original one, and whether that is chance.

ALPHA = 0.05  # of one difference among all metrics, where there is none


class DevDifference(Record):
    """Reproduced − original in one metric, with its 95 % interval."""

    metric: str
    original: float | None  # None: a preference, which has no two sides
    reproduced: float | None
    difference: float
    interval: tuple[float, float]
    p: float  # two-sided, of "no difference"
    items: int


def dev_differences(measured: Measured) -> Iterator[DevDifference]:
    for metric, measurement in measured.items():
        sign = -1 if measurement.better == "less" else 1  # there, evidence is champion − challenger
        lower, upper = sorted(sign * end for end in bounds_of(measurement))
        yield DevDifference(
            metric=metric,
            original=measurement.champion_mean,
            reproduced=measurement.challenger_mean,
            difference=sign * measurement.diff,
            interval=(lower, upper),
            p=two_sided(measurement),
            items=measurement.n,
        )


def bounds_of(evidence: MetricEvidence) -> tuple[float, float]:
    return bounds(evidence.diff, evidence.se, evidence.df, ALPHA / 2)


def two_sided(evidence: MetricEvidence) -> float:
    """Of a difference that is the same on every item: it is there, or it is not."""
    if evidence.se == 0:
        return float(evidence.diff == 0)
    above = p_above(evidence.diff, evidence.se, evidence.df, 0.0)
    below = p_below(evidence.diff, evidence.se, evidence.df, 0.0)
    return min(1.0, 2 * min(above, below))


def beyond_chance(differences: Sequence[DevDifference]) -> list[str]:
    """The metrics in which they differ by more than chance; Holm's procedure over all of them."""
    adjusted = holm([difference.p for difference in differences])
    return [
        difference.metric for difference, p in zip(differences, adjusted, strict=True) if p <= ALPHA
    ]


# --- reproduction ---------------------------------------------------------------------------------

TRAIN = "train"
ON_DEV = ("champion", "generate", "score", "compare")  # after `train`, in this order


class Reproduction(Record):
    """What became of a version that was made again."""

    version: str
    commit: str
    original: Digest  # of the adapter's files
    reproduced: Digest
    files: tuple[str, ...]  # of the adapter's folder that have other bytes
    numerics: Numerics | None  # of the training now
    seconds: float  # that the stages took
    differences: tuple[str, ...]  # of all that decides the bytes; also where these are the same
    dev: tuple[DevDifference, ...]  # where the bytes are not the same
    beyond_chance: tuple[str, ...]  # metrics
    not_compared: str | None = None  # why there is no comparison on dev

    @property
    def same(self) -> bool:
        return self.original == self.reproduced


def make_again(
    registry: RegistryReader,
    wanted: ReproducibleVersion,
    folder: Path,
    tell: Callable[[str], None],
) -> Reproduction:
    """Train a version again in an empty folder, and compare. Raises IncumbentError."""
    tell(f"taking commit {wanted.provenance.commit[:12]} and its sources")
    project, original = copy_project(wanted.provenance, folder), Path.cwd()
    with inside(project):
        fetch_sources(original, project)
    if wanted.parent:
        seat_parent(registry, wanted.parent, project)
    old_code = kept_code(project)
    try:
        seconds = train(project, wanted.provenance.threads)
    except IncumbentError as error:
        raise not_made(wanted, log_kept(project, str(error))) from None
    return held_against(registry, wanted, project, seconds, old_code)


def not_made(wanted: ReproducibleVersion, problem: str) -> IncumbentError:
    """What to raise where the pipeline failed; other packages may be why."""
    told = "; ".join(package_differences(wanted.provenance.packages, installed_packages()))
    advice = f"\nwhat is installed is not what it was submitted under: {told}" if told else ""
    return IncumbentError(f"{wanted.version.label} could not be made again: {problem}{advice}")


def held_against(
    registry: RegistryReader,
    wanted: ReproducibleVersion,
    project: Path,
    seconds: float,
    old_code: dict[str, Code] | None,
) -> Reproduction:
    """The adapter that was trained in a copy beside the version's own."""
    made = Adapter.read(project / ADAPTER)
    reproduction = Reproduction(
        version=wanted.version.label,
        commit=wanted.provenance.commit,
        original=wanted.version.adapter.files,
        reproduced=made.files,
        files=tuple(changed_adapter_files(registry, wanted, project / ADAPTER_FILES)),
        numerics=made.numerics,
        seconds=seconds,
        differences=tuple(all_differences(registry, wanted, made, project, old_code)),
        dev=(),
        beyond_chance=(),
    )
    if set(reproduction.files) == {RECIPE}:
        same = f"its weights have the same bytes, and {RECIPE} alone has others"
        return reproduction.model_copy(update={"not_compared": same})
    return reproduction if reproduction.same else with_dev(registry, wanted, reproduction, project)


def train(project: Path, threads: int | None) -> float:
    """Run the pipeline up to `train`, by as many threads as then; returns its seconds."""
    with inside(project):
        if threads:
            os.environ["OMP_NUM_THREADS"] = str(threads)
        refuse_wrong_settings()
        names = [stage.name for stage in needed_for(TRAIN, read_pipeline())]
        with RunScreen(names) as screen:
            reproduce(TRAIN, screen)
            return sum(result.seconds for result in screen.results.values())


def with_dev(
    registry: RegistryReader, wanted: ReproducibleVersion, reproduction: Reproduction, project: Path
) -> Reproduction:
    """Both adapters on dev, the original one as champion; no sealed item is asked."""
    seat(registry, wanted.version, project)
    try:
        with inside(project), RunScreen(ON_DEV) as screen:
            run_dvc(["--single-item", *ON_DEV], screen)
        dev = tuple(dev_differences(Evidence.read(project / EVIDENCE).dev))
    except IncumbentError as error:
        return reproduction.model_copy(update={"not_compared": log_kept(project, str(error))})
    return reproduction.model_copy(update={"dev": dev, "beyond_chance": tuple(beyond_chance(dev))})


def changed_adapter_files(
    registry: RegistryReader, wanted: ReproducibleVersion, folder: Path
) -> Iterator[str]:
    """The files that came, went or changed."""
    then = registry.artifacts.manifest(wanted.version.adapter.files)
    files = [path for path in folder.rglob("*") if path.is_file()]
    now = {path.relative_to(folder).as_posix(): digest_file(path) for path in files}
    yield from sorted(change.name for change in differing(then, now))


def all_differences(
    registry: RegistryReader,
    wanted: ReproducibleVersion,
    made: Adapter,
    project: Path,
    old_code: dict[str, Code] | None,
) -> Iterator[str]:
    original = wanted.version.adapter
    yield from adapter_differences(original, made)
    yield from package_differences(wanted.provenance.packages, installed_packages())
    needed = {s.name for s in needed_for(TRAIN, read_pipeline(project / "dvc.yaml"))}
    now = {stage: code for stage, code in code_in(project / CODE).items() if stage in needed}
    yield from code_differences(old_code, now)
    recipe = registry.artifacts.manifest(original.files).get(RECIPE)
    if recipe:
        then = registry.artifacts.get(recipe)
        yield from recipe_differences(then, (project / ADAPTER_FILES / RECIPE).read_bytes())


def code_in(folder: Path) -> dict[str, Code]:
    return {file.stem: Code.read(file) for file in sorted(folder.glob("*.json"))}


def kept_code(project: Path) -> dict[str, Code] | None:
    """Which code each stage ran, as DVC kept it before this run; None where it is kept nowhere."""
    checksum = code_checksum(project)
    listed = cached(project, checksum) if checksum else None
    if listed is None or not listed.exists():
        return None
    codes = {}
    for entry in json.loads(listed.read_bytes()):
        file = cached(project, entry["md5"])
        if file.exists():
            codes[Path(entry["relpath"]).stem] = Code.read(file)
    return codes
