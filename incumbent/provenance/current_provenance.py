"""The provenance of a version that is submitted now. A git that fails makes no submission fail."""

import platform
import re
from collections.abc import Iterable, Sequence
from configparser import ConfigParser, Error
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from curation.gate import dvc_revision
from incumbent.provenance.snapshot import keep_tag, snapshot, tag_names
from monitoring.monitoring_settings import TrafficParams
from monitoring.trigger.labels import LABEL_QUEUE
from project.errors import IncumbentError
from project.files import home
from project.git import GitError, git
from project.libraries import threads
from project.object_stores import SCHEME, without_secrets
from project.paths import step_of
from project.records.adapters import AdapterVersion
from project.records.provenance import Provenance
from project.settings import load
from training.recipe import STEPS, StepName, StepRecord

SHOWN = 5  # names of files
MESSAGE = "A project as its challenger was submitted"


class Noted(NamedTuple):
    """A provenance, and why there is none or no tag that keeps its commit."""

    provenance: Provenance | None
    problem: str | None = None


def current_provenance() -> Noted:
    """Of the project in the current folder; outside of git there is none to tell of."""
    try:
        made = snapshot(MESSAGE, not_for_git())
    except (IncumbentError, OSError) as error:
        return Noted(None, f"its commit is not recorded, so it cannot be reproduced: {error}")
    if made is None:
        return Noted(None)
    provenance = Provenance(
        **made.model_dump(exclude={"left"}),
        remote=git_remote(),
        rows=dvc_revision(),
        data_remote=data_remote(),
        packages=installed_packages(),
        threads=threads(),
        processes=max(filter(None, map(processes_of, STEPS)), default=None),
    )
    return Noted(provenance, not_given(made.left) if made.left else None)


def not_given(left: Sequence[str]) -> str:
    shown = ", ".join(map(repr, left[:SHOWN]))
    more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
    return (
        f"its commit is without {shown}{more}, which git does not know:"
        " where the version needs them, `git add` them and commit before the next one"
    )


def processes_of(step: StepName) -> int | None:
    """How many trained a step together; None where one did, or none."""
    record = step_of(step) / "step.json"
    return StepRecord.read(record).processes if record.is_file() else None


def not_for_git() -> tuple[Path, ...]:
    """State, and what users wrote, which is deleted in time: git would keep it."""
    traffic = Path(load(TrafficParams).folder)  # of a URL, a folder that is not there
    return home(), traffic, LABEL_QUEUE.parent


def tag_version(version: AdapterVersion, commit: str) -> str | None:
    """Tag its commit, and say what a person should know: another name than expected, or a failure.

    The same version again is no second tag; one that a crash left out is made.
    """
    names = tag_names(version.family, version.number, commit)
    try:
        name = keep_tag(version.family, version.number, commit)
    except (GitError, OSError) as error:
        return f"no tag keeps its commit {commit[:12]}, which git will delete in time: {error}"
    if name != names[0]:
        return f"its tag is {name}: {names[0]} names another commit, of another registry's version"
    return None


# --- packages -------------------------------------------------------------------------------------

# The versions of the packages that decide an adapter's bytes, as they are installed now.

NAMES = (
    "incumbent",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "numpy",
    "peft",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)


def installed_packages() -> dict[str, str]:
    """Python's own version among them; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in NAMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# --- addresses ------------------------------------------------------------------------------------

# Where a project's history and its rows are kept elsewhere, as its own files say; no secrets.

HERE = Path()
SHARED = ("config",)  # of DVC's settings, what a clone has
OURS = (*SHARED, "config.local")  # the one that git does not have wins
REMOTE = re.compile(r"""'?remote "(.*)"'?""")  # the name of a section


def git_remote(folder: Path = HERE) -> str | None:
    """The URL of origin."""
    try:
        url = git("config", "remote.origin.url", folder=folder).decode().strip()
    except GitError:
        return None
    return without_secrets(url) or None


def data_remote(folder: Path = HERE, files: Iterable[str] = OURS) -> str | None:
    """The URL of DVC's default remote; of one on this machine, its whole path."""
    root = dvc_root(folder)
    config = read_config(root, files) if root else None
    if root is None or config is None:
        return None
    url = remotes_of(config, root).get(config.get("core", "remote", fallback=""))
    return url and without_secrets(url)


def dvc_root(folder: Path) -> Path | None:
    """The folder that `.dvc` lies in: this one, or one above it."""
    here = folder.resolve()
    return next((one for one in (here, *here.parents) if (one / ".dvc").is_dir()), None)


def read_config(root: Path, files: Iterable[str] = OURS) -> ConfigParser | None:
    """DVC's settings of a project, later files before earlier ones. None: they are damaged, which
    DVC says better.
    """
    config = ConfigParser(interpolation=None, strict=False)
    try:
        config.read([root / ".dvc" / name for name in files])
    except (Error, UnicodeDecodeError):
        return None
    return config


def remotes_of(config: ConfigParser, root: Path) -> dict[str, str]:
    """The address of each remote by its name; secrets may be in it."""
    sections = {REMOTE.fullmatch(name): config[name] for name in config.sections()}
    return {
        match[1]: url if SCHEME.match(url) else str((root / ".dvc" / url).resolve())
        for match, keys in sections.items()
        if match and (url := keys.get("url"))
    }
