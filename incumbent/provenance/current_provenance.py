"""The provenance of a version that is submitted now. A git that fails makes no submission fail."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from curation.gate import dvc_revision
from incumbent.provenance.addresses import data_remote, git_remote
from incumbent.provenance.packages import installed_packages
from incumbent.provenance.snapshot import snapshot
from incumbent.provenance.version_tags import keep_tag, tag_names
from monitoring.monitoring_settings import TrafficParams, TriggerParams
from project.errors import IncumbentError
from project.files import home
from project.git import GitError
from project.paths import step_of
from project.processor import threads
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
    return home(), traffic, load(TriggerParams).queue.parent


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
