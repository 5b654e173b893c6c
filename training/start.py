"""Stage `start`: write down what training starts from, the bare base or an adapter of the registry,
and which version is the teacher of step `distill`, where that is taken.

With `training.adapter.start: champion` it is

- the champion, where the curated rows have changed since it was trained: it goes on with them;
- what the champion itself started from, where they have not: so a run right after a promotion
  changes nothing, and another recipe on the same rows starts where the champion did;
- the bare base, where there is no champion yet, or where somebody had rows erased that the adapter
  was trained on: what goes on from it would still know them.

A champion that was distilled on the same rows leaves its own teacher the teacher.

The registry is shared state, so this stage always runs; the steps after it run again only when its
bytes change.
"""

import json
from pathlib import Path
from typing import Any, Literal

from project.errors import InputError
from project.files import staged_folder
from project.paths import BASE, DATASET, START, TEACHER
from project.records.adapters import AdapterVersion, ModelPin
from project.records.data import DatasetVersion
from project.records.events import RowErasure, Submission
from project.records.record import Digest
from project.settings import load, setting_error
from registry.champion import based_here
from registry.decision_checks import release
from registry.lineage import teacher_of
from registry.reader import RegistryReader
from training.recipe import (
    START_ADAPTER,
    START_FILE,
    LearntRows,
    RowDigest,
    Teacher,
    TrainingStart,
)
from training.training_settings import AdapterParams, DistillParams

Chosen = tuple[AdapterVersion | None, str]  # the version to start from, if any, and why, in words


def main() -> None:
    params = load(AdapterParams)
    with staged_folder(START) as draft:
        if params.start == "champion":
            start = start_here(params, draft / START_ADAPTER.name)
        else:
            start = TrainingStart()
            print("training starts from the base (training.adapter.start)")
        start.write(draft / START_FILE.name)
    distill = load(DistillParams)
    (teacher_here(distill.teacher) if distill.epochs else Teacher()).write(TEACHER)


# --- teacher --------------------------------------------------------------------------------------


def teacher_here(wanted: Literal["champion"] | int) -> Teacher:
    """The version that teaches, its adapter's bytes checked, with its base as it lies here. Raises
    InputError where there is none, or where it knows rows that were erased.
    """
    base, rows = ModelPin.read(BASE), DatasetVersion.read(DATASET).rows
    with RegistryReader.here() as registry:
        if wanted == "champion":
            version = champions_teacher(registry, rows)
        else:
            version = registry.version(wanted)
        release(registry, version.number)
        if version.adapter.base.hosted:
            raise no_teacher(
                f"{version.label} is hosted, and its weights are not here: let it write rows by "
                "`incumbent data distill`"
            )
        if version.number in trained_on_erased(registry):
            raise no_teacher(f"{version.label} was trained on rows that were erased since")
    contestant = based_here(version.adapter.contestant, base, version.label)
    print(f"{version.label} is the teacher of step distill")
    return Teacher(contestant=contestant, version=version.number)


def champions_teacher(registry: RegistryReader, rows: Digest) -> AdapterVersion:
    """The champion, or whom it was distilled from, if that was on these rows."""
    champion = registry.champion()
    if champion is None:
        raise no_teacher("there is no champion yet")
    taught = teacher_of(registry, champion)
    before = registry.version_of(taught) if taught else None
    dataset: dict[str, Any] = json.loads(registry.artifacts.get(champion.adapter.dataset))
    if before is None or registry.deleted(before.number) or dataset.get("rows") != rows:
        return champion
    return before


def no_teacher(problem: str) -> InputError:
    problem += ": name another version, or set training.distill.epochs to 0"
    return setting_error(problem, "training", "distill", "teacher")


# --- start ----------------------------------------------------------------------------------------


def start_here(params: AdapterParams, folder: Path) -> TrainingStart:
    """As the registry has it, its adapter's files written into a folder, each byte checked.

    Raises InputError where the settings are about another base or another shape than the adapter's,
    IncumbentError where the registry's version is not as it was submitted.
    """
    base, rows = ModelPin.read(BASE), DatasetVersion.read(DATASET).rows
    with RegistryReader.here() as registry:
        version, why = starting_version(registry, rows)
        print(f"training starts from {version.label if version else 'the base'}: {why}")
        if version is None:
            return TrainingStart()
        release(registry, version.number)
        if (setting := version.adapter.base).weights != base.weights:
            stands = f"{version.label} stands on {setting}, the project on {base}"
            raise misfit("base.model", f"{stands}: keep that base")
        registry.artifacts.copy(version.adapter.files, folder)
        # Made with other settings of LoRA, its weights would not fit, or mean something else.
        for name, made in shape_of(folder).items():
            if (wanted := getattr(params, name)) != made:
                problem = f"is {json.dumps(wanted)}, and {version.label} was made with "
                problem += f"{json.dumps(made)}: set it to that"
                raise misfit(f"training.adapter.{name}", problem)
        known = known_rows(registry, version.number)
    return TrainingStart(adapter=version.adapter.files, version=version.number, known=known)


def starting_version(registry: RegistryReader, rows: Digest) -> Chosen:
    """`rows` is the digest of the curated rows as they are now."""
    champion = registry.champion()
    if champion is None:
        return None, "there is no champion yet"
    dataset: dict[str, Any] = json.loads(registry.artifacts.get(champion.adapter.dataset))
    if champion.adapter.bare:
        return None, f"{champion.label} has no adapter"
    learnt = dataset.get("rows")
    if learnt == rows:
        chosen, why = as_before(registry, champion)
    elif learnt is None:
        chosen, why = champion, "nobody recorded what it was trained on"
    else:
        chosen, why = champion, "the rows have changed since it was trained"
    if chosen and chosen.number in trained_on_erased(registry):
        return None, f"{chosen.label} was trained on rows that were erased since"
    return chosen, why


def as_before(registry: RegistryReader, champion: AdapterVersion) -> Chosen:
    """What the champion itself started from."""
    parent = champion.adapter.parent
    before = registry.version_of(parent) if parent else None
    if before and registry.deleted(before.number):
        return champion, f"{before.label}, from which it started itself, was deleted"
    return before, f"as {champion.label} did, which was trained on the same rows"


def trained_on_erased(registry: RegistryReader) -> set[int]:
    """The versions that were trained on rows which somebody had erased, by themselves or by what
    they started from.
    """
    erasures = registry.history(kind="erase")
    return {number for event in erasures for number in event.told(RowErasure).versions}


def known_rows(registry: RegistryReader, number: int) -> tuple[RowDigest, ...]:
    """The rows that a version has learnt; none where that was not recorded."""
    submitted = registry.newest_event(number, "submit")
    for digest in submitted.told(Submission).records if submitted else ():
        if not registry.artifacts.blobs.exists(digest):  # it told of rows that were erased
            continue
        data = registry.artifacts.get(digest)
        if "learnt" in json.loads(data):
            return LearntRows.parse(data, Path(digest)).learnt
    return ()


def shape_of(folder: Path) -> dict[str, Any]:
    """The settings of an adapter by their names in training.adapter. Which modules it has is known
    of those that were trained here; of others the first step finds out.
    """
    config = json.loads((folder / "adapter_config.json").read_bytes())
    shape = {
        "r": config["r"],
        "alpha": float(config["lora_alpha"]),
        "rslora": bool(config.get("use_rslora")),
    }
    recipe = folder / "recipe.json"
    made: dict[str, Any] = json.loads(recipe.read_bytes()) if recipe.exists() else {}
    modules = made.get("adapter", {}).get("target_modules")
    if modules is not None:
        shape["target_modules"] = modules if isinstance(modules, str) else tuple(modules)
    return shape


def misfit(field: str, problem: str) -> InputError:
    problem += ", or set training.adapter.start to base"
    return setting_error(problem, *field.split("."))
