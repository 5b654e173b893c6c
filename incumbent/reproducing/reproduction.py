"""A version made again: its commit in a folder of its own, the pipeline up to `train`, for real."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from incumbent.code import Code
from incumbent.current_provenance import installed_packages
from incumbent.pipeline import needed_for, read_pipeline
from incumbent.reproducing.project_copy import (
    DevDifference,
    adapter_differences,
    beyond_chance,
    cached,
    code_checksum,
    code_differences,
    copy_project,
    dev_differences,
    fetch_sources,
    inside,
    log_kept,
    package_differences,
    recipe_differences,
    seat,
    seat_parent,
)
from incumbent.reproducing.reproducible_version import ReproducibleVersion
from incumbent.running.dvc_repro import refuse_wrong_settings, reproduce, run_dvc
from incumbent.running.run_screen import RunScreen
from project.canonical import digest_file
from project.errors import IncumbentError
from project.paths import ADAPTER, ADAPTER_FILES, CODE, EVIDENCE
from project.records.adapters import Adapter, Numerics
from project.records.evidence import Evidence
from project.records.field_change import differing
from project.records.record import Digest, Record
from registry.lineage import RECIPE
from registry.reader import RegistryReader

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
    found = Reproduction(
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
    if set(found.files) == {RECIPE}:
        same = f"its weights have the same bytes, and {RECIPE} alone has others"
        return found.model_copy(update={"not_compared": same})
    return found if found.same else with_dev(registry, wanted, found, project)


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
    registry: RegistryReader, wanted: ReproducibleVersion, found: Reproduction, project: Path
) -> Reproduction:
    """Both adapters on dev, the original one as champion; no sealed item is asked."""
    seat(registry, wanted.version, project)
    try:
        with inside(project), RunScreen(ON_DEV) as screen:
            run_dvc(["--single-item", *ON_DEV], screen)
        dev = tuple(dev_differences(Evidence.read(project / EVIDENCE).dev))
    except IncumbentError as error:
        return found.model_copy(update={"not_compared": log_kept(project, str(error))})
    return found.model_copy(update={"dev": dev, "beyond_chance": tuple(beyond_chance(dev))})


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
    found = {}
    for entry in json.loads(listed.read_bytes()):
        file = cached(project, entry["md5"])
        if file.exists():
            found[Path(entry["relpath"]).stem] = Code.read(file)
    return found
