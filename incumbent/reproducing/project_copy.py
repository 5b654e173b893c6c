"""The project of a commit in a folder of its own, with nothing shared that a run could change."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import yaml

from incumbent.recipes.yaml_text import with_value
from project.files import home, write_bytes
from project.git import git
from project.records.provenance import Provenance
from project.settings import PARAMS

LONGEST = 3600.0  # seconds
NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
STATE = ".incumbent"
MODELS = (("base", "model"), ("embedder", "model"))  # settings that may name a folder


def copy_project(provenance: Provenance, folder: Path) -> Path:
    """Clone the repository of the current folder into an empty one, at a version's commit; returns
    the project's folder there. Raises GitError.
    """
    top = git("rev-parse", "--show-toplevel").decode().removesuffix("\n")
    git(*NO_HOOKS, "clone", "--quiet", "--no-checkout", "--local", "--", top, str(folder))
    checkout = (*NO_HOOKS, "checkout", "--quiet", "--detach", provenance.commit)
    git(*checkout, folder=folder, longest=LONGEST)
    project = folder / provenance.folder
    own_settings(project / PARAMS)
    lend_models(project)
    return project


def own_settings(params: Path) -> None:
    """A registry of its own, and checkpoints of its own: one that is kept elsewhere would be gone
    on with, and nothing trained.
    """
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
    """In the copy, where all state is its own."""
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
