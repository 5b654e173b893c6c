"""A project's copy at a version's commit, and in what its training differs."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from evaluation.decision.statistics import bounds, holm, p_above, p_below
from incumbent.code import Code, changed_files
from incumbent.current_provenance import dvc_root, read_config, remotes_of
from project.child_processes import DvcError, cached_file, dvc, git, locked_md5
from project.errors import IncumbentError
from project.files import home, write_bytes
from project.paths import CODE
from project.records.adapters import Adapter, AdapterVersion, Provenance
from project.records.evidence import Measured, MetricEvidence
from project.records.field_change import adapter_facts, differing
from project.records.record import Record
from project.settings import PARAMS
from project.yaml_text import with_value
from registry.reader import RegistryReader
from registry.store import Registry
from training.start import known_rows
from training.start_record import LearntRows

# --- project copy ---------------------------------------------------------------------------------

# The project of a commit in a folder of its own, with nothing shared that a run could change.

LONGEST = 3600.0  # seconds
NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
STATE = ".incumbent"
MODELS = (("base", "model"), ("embedder", "model"))  # settings that may name a folder


def copy_project(provenance: Provenance, folder: Path) -> Path:
    """Clone this repository into an empty folder, at a version's commit. Raises GitError."""
    top = git("rev-parse", "--show-toplevel").decode().removesuffix("\n")
    git(*NO_HOOKS, "clone", "--quiet", "--no-checkout", "--local", "--", top, str(folder))
    checkout = (*NO_HOOKS, "checkout", "--quiet", "--detach", provenance.commit)
    git(*checkout, folder=folder, longest=LONGEST)
    project = folder / provenance.folder
    own_settings(project / PARAMS)
    lend_models(project)
    return project


def own_settings(params: Path) -> None:
    """Give it a registry and checkpoints of its own, so that it trains again."""
    text = params.read_bytes().decode()
    found: dict[str, Any] = yaml.safe_load(text) or {}
    family = (found.get("registry") or {}).get("family")
    text = with_value(text, ["registry"], {"family": family} if family else {})
    limits = (found.get("training") or {}).get("limits") or {}
    if limits.get("checkpoints"):
        text = with_value(text, ["training", "limits", "checkpoints"], None)
    write_bytes(params, text.encode())


def lend_models(project: Path) -> None:
    """Converted models, what was measured of this machine, and models that lie in the project but
    not in git: they are large, and their digests are compared.
    """
    for kind in ("models", "machines"):
        (project / STATE / kind).mkdir(parents=True, exist_ok=True)
        for lent in (home() / kind).glob("*"):
            (project / STATE / kind / lent.name).symlink_to(lent.resolve())
    settings: Mapping[str, Any] = yaml.safe_load((project / PARAMS).read_bytes()) or {}
    for section, key in MODELS:
        name = str((settings.get(section) or {}).get(key))
        here, there = Path(name), project / name
        inside = there.resolve().is_relative_to(project.resolve())
        if here.exists() and not here.is_absolute() and inside and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(here.resolve())


@contextmanager
def inside(project: Path) -> Iterator[None]:
    """Work in the copy, where all state is its own."""
    before = dict(os.environ)
    state = (project / STATE).resolve()
    os.environ["INCUMBENT_HOME"] = str(state)
    os.environ["DVC_SITE_CACHE_DIR"] = str(state / "dvc")  # else DVC leaves a trace below /var/tmp
    os.environ.pop("INCUMBENT_DATABASE", None)
    try:
        with chdir(project):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def log_kept(project: Path, message: str) -> str:
    """A message without the log's place in a copy that goes; the log is kept in this project."""
    log, kept = project / STATE / "logs" / "run.log", home() / "logs" / "reproduce.log"
    if log.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, kept)
    return message.replace(str(log.resolve()), str(kept))


# --- fetched sources ------------------------------------------------------------------------------

# The sources of a copied project, out of DVC's cache of the project or its default remote.

ADVICE = " Is your cache"  # which DVC gives to whoever has one cache
PLACE = "incumbent-reproduce"  # the project's cache, as a remote: it is laid out as one


def fetch_sources(original: Path, copy: Path) -> None:
    """What `.dvc` files of the copy track, and which code its stages ran, if that is kept.

    The copy's cache is its own, so that no output of a stage is in it. Raises IncumbentError for
    what is neither in the cache nor at the remote.
    """
    files = sorted(str(f.relative_to(copy)) for f in copy.rglob("*.dvc") if f.is_file())
    code = code_checksum(copy)
    wanted = [*files, *(["code"] if code else [])]
    if not wanted:
        configure(original, copy, with_remotes=False)
        return
    remote = configure(original, copy, with_remotes=True)
    try:
        dvc("fetch", "--remote", PLACE, *wanted, folder=copy)
        problem = missing(files, copy)
        if remote and (problem or (code and not cached(copy, code).exists())):
            dvc("fetch", *wanted, folder=copy)
            problem = missing(files, copy)
    finally:
        configure(original, copy, with_remotes=False)  # credentials are gone again
    if problem:
        at = f"nor at its remote {remote}" if remote else "and it has no default remote"
        add = "" if remote else "`dvc remote add -d storage URL` and "
        raise IncumbentError(
            f"the sources of that commit are not in DVC's cache, {at}: "
            f"{str(problem).partition(ADVICE)[0]}; where they are, type {add}`dvc push --all-tags`"
        )


def missing(files: list[str], copy: Path) -> DvcError | None:
    """Check the data of these `.dvc` files out: `dvc fetch` is content where some are nowhere."""
    try:
        if files:
            dvc("checkout", *files, folder=copy)
    except DvcError as error:
        return error
    return None


def configure(original: Path, copy: Path, *, with_remotes: bool) -> str | None:
    """Settings of the copy outside git: its own cache, and today's remotes; returns the default."""
    source, target = dvc_root(original), dvc_root(copy)
    config = read_config(source) if source else None
    if source is None or target is None or config is None:
        raise IncumbentError("the project at that commit is none of DVC's: it has no .dvc folder")
    cache = config.get("cache", "dir", fallback="cache")
    default = config.get("core", "remote", fallback=None)
    own = ConfigParser(interpolation=None)
    own["cache"] = {"dir": str((target / ".dvc" / "cache").resolve())}
    if with_remotes:
        for name, url in remotes_of(config, source).items():
            keys = next(config[key] for key in config.sections() if f'"{name}"' in key)
            own[section_of(name)] = {**keys, "url": url}
        own[section_of(PLACE)] = {"url": str((source / ".dvc" / cache).resolve())}
        own["core"] = {"remote": default} if default else {}
    path = target / ".dvc" / "config.local"
    with path.open("w") as stream:
        path.chmod(0o600)
        own.write(stream)
    return default


def section_of(remote: str) -> str:
    return f"'remote \"{remote}\"'"


def code_checksum(copy: Path) -> str | None:
    """DVC's checksum of what says which code each stage ran, as the lock file has it."""
    return locked_md5(copy / "dvc.lock", "code", CODE)


def cached(copy: Path, checksum: str) -> Path:
    return cached_file(dvc_root(copy) or copy, checksum)


# --- temporary registry ---------------------------------------------------------------------------

# The registry of a copy: whom training starts from, then whom the reproduced adapter meets.
#
# The champion of today plays no part.

WHY = "to make a version again"


def seat_parent(registry: RegistryReader, parent: AdapterVersion, project: Path) -> None:
    """Make the version that training started from the copy's champion, whatever it learnt."""
    learnt = LearntRows(learnt=known_rows(registry, parent.number))
    adapter = parent.adapter.model_copy(update={"dataset": learnt.digest})
    seat(registry, parent.model_copy(update={"adapter": adapter}), project, learnt)


def seat(
    registry: RegistryReader, version: AdapterVersion, project: Path, *lineage: LearntRows
) -> None:
    """Make a copy of a version the copy's champion; what it answers by plays no part."""
    adapter = version.adapter.model_copy(update={"index": None})
    with (
        TemporaryDirectory(dir=project / STATE) as aside,
        Registry(project / STATE / "registry", version.family) as own,
    ):
        registry.artifacts.copy(version.adapter.files, Path(aside))
        number = own.submit(adapter, Path(aside), WHY, *lineage).number
        own.promote(number, WHY, force=True)


# --- training differences -------------------------------------------------------------------------

# In what two trainings differ, of all that decides an adapter's bytes and is on record.

SHOWN = 4  # files of a stage that are named


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
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        yield f"code of {', '.join(stages)}: {', '.join(files[:SHOWN])}{more}"


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
    for metric, found in measured.items():
        sign = -1 if found.better == "less" else 1  # there, evidence is champion − challenger
        lower, upper = sorted(sign * end for end in bounds_of(found))
        yield DevDifference(
            metric=metric,
            original=found.champion_mean,
            reproduced=found.challenger_mean,
            difference=sign * found.diff,
            interval=(lower, upper),
            p=two_sided(found),
            items=found.n,
        )


def bounds_of(found: MetricEvidence) -> tuple[float, float]:
    return bounds(found.diff, found.se, found.df, ALPHA / 2)


def two_sided(found: MetricEvidence) -> float:
    """Of a difference that is the same on every item: it is there, or it is not."""
    if found.se == 0:
        return float(found.diff == 0)
    above = p_above(found.diff, found.se, found.df, 0.0)
    below = p_below(found.diff, found.se, found.df, 0.0)
    return min(1.0, 2 * min(above, below))


def beyond_chance(found: Sequence[DevDifference]) -> list[str]:
    """The metrics in which they differ by more than chance; Holm's procedure over all of them."""
    adjusted = holm([one.p for one in found])
    return [one.metric for one, p in zip(found, adjusted, strict=True) if p <= ALPHA]
