"""Whether a rented machine can reach all that the project's run needs, and send back what it makes.

What it cannot is refused here, before anything costs money.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from evaluation.evaluation_settings import GenerationParams
from incumbent.current_provenance import (
    SHARED,
    data_remote,
    excluded,
    git_remote,
    head_here,
    not_for_git,
    prefix_here,
)
from incumbent.rendering import Checkout
from project.child_processes import git
from project.engine.engine_settings import EngineParams, RayParams
from project.errors import InputError
from project.model_pins import EMBEDDED, BaseChoice, ModelChoice
from project.object_stores import without_secrets
from project.settings import Settings, load, section_of, setting_error
from registry.registry_settings import RegistryParams
from training.training_settings import LimitsParams

DATABASE, TOKEN = "INCUMBENT_DATABASE", "GIT_TOKEN"
ENDPOINT = "AWS_ENDPOINT_URL"  # of a store that speaks S3
THIS_MACHINE = re.compile(r"localhost|127(\.\d+){3}|\[?::1\]?|0\.0\.0\.0")
SCP = re.compile(r"(?:[^@/:]+@)?([\w.-]+):([^/].*)")  # git@host:path
SSH = re.compile(r"ssh://(?:[^@/]+@)?([\w.-]+)(?::\d+)?/(.+)")
SHOWN = 3  # files of many

T = TypeVar("T")


@dataclass(frozen=True)
class Places:
    """Where the run finds and leaves everything, by address."""

    checkout: Checkout
    rows: str  # DVC's default remote
    artifacts: str
    checkpoints: str | None


def reachable_places(*, spot: bool) -> Places:
    """Of the project in the current folder. Raises InputError for all that is out of reach, each
    with what to do about it; what is to be committed comes last.
    """
    registry, checkpoints = load(RegistryParams), load(LimitsParams).checkpoints
    problems: list[InputError] = []
    tried(problems, refuse_models_here)
    tried(problems, refuse_engines_here)
    rows = tried(problems, reachable_rows)
    tried(problems, lambda: refuse_database(registry))
    artifacts = tried(problems, lambda: reachable_artifacts(registry))
    tried(problems, refuse_store_here)
    tried(problems, lambda: refuse_unsent_versions(registry))
    if spot:
        tried(problems, lambda: refuse_lost_checkpoints(checkpoints))
    checkout = tried(problems, lambda: reachable_checkout(registry.family))
    if problems:
        raise InputError(
            "\n  ".join(["no rented machine can run this project:", *map(str, problems)])
        )
    assert rows and artifacts and checkout, "what is missing is a problem"
    return Places(checkout, rows, artifacts, checkpoints)


def tried(problems: list[InputError], find: Callable[[], T]) -> T | None:
    try:
        return find()
    except InputError as problem:
        problems.append(problem)
        return None


# --- git ----------------------------------------------------------------------------------------


def reachable_checkout(family: str) -> Checkout:
    """The newest commit, which holds the project as it lies here, at git's origin."""
    folder = prefix_here()
    if folder is None:
        raise InputError("git keeps nothing here, and the machine clones: `git init`, and commit")
    url = https_address(git_remote())
    if names := list(uncommitted()):
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise InputError(
            f"the machine runs what is committed, and these are not: {', '.join(names[:SHOWN])}"
            f"{more}: commit them, or put them into .gitignore"
        )
    commit = head_here()
    if commit is None:
        raise InputError("there is no commit yet, and the machine runs one: `git commit`")
    if not git("for-each-ref", "--contains", commit, "refs/remotes/origin"):
        raise InputError(f"origin lacks the commit {commit[:12]}, which is to run: `git push`")
    if not os.environ.get(TOKEN):
        raise InputError(
            f"${TOKEN} is not set: the machine clones {url} and pushes the version's tag and what "
            "it changed; put a token there that may do both"
        )
    return Checkout(url, commit, folder or ".", family)


def https_address(url: str | None) -> str:
    """The address of git's origin, by which the machine signs in with a token."""
    if url is None:
        raise InputError(
            "git has no remote that the machine could clone: "
            "`git remote add origin URL && git push -u origin HEAD`"
        )
    if url.startswith("https://") and not here_alone(url):
        return url
    match = SSH.fullmatch(url) or SCP.fullmatch(url)
    if match is None or THIS_MACHINE.fullmatch(match[1]):
        raise InputError(
            f"no other machine reaches git's origin {url} by https: `git remote set-url origin URL`"
        )
    return f"https://{match[1]}/{match[2]}"


def uncommitted() -> Iterator[str]:
    """Paths in this folder that differ from the newest commit, but for what git never keeps."""
    listed = git("status", "--porcelain", "-z", "--no-renames", "--", ".", *excluded(not_for_git()))
    yield from (entry[3:].decode(errors="replace") for entry in listed.split(b"\0") if entry)


# --- rows, versions, checkpoints ------------------------------------------------------------------


def reachable_rows() -> str:
    """DVC's default remote, as the files that a clone has name it."""
    url = data_remote(files=SHARED)
    if url is None:
        raise InputError(
            "DVC has no default remote that a clone knows, and the rows come from there: "
            "`dvc remote add -d storage s3://bucket/rows && dvc push`, and commit .dvc/config"
        )
    if here_alone(url):
        raise InputError(
            f"DVC's default remote {url} is on this machine: "
            "`dvc remote add -f -d storage s3://bucket/rows && dvc push`, and commit .dvc/config"
        )
    return url


def reachable_artifacts(registry: RegistryParams) -> str:
    if registry.artifacts is None or here_alone(registry.artifacts):
        raise out_of_reach(
            RegistryParams,
            "artifacts",
            "adapters would lie on a machine that goes: name an object store, such as "
            "s3://bucket/artifacts",
        )
    return registry.artifacts


def refuse_database(registry: RegistryParams) -> None:
    """The address itself is never shown: a password may be in it."""
    given = os.environ.get(DATABASE)
    way = f"name a PostgreSQL server that the machine reaches, in ${DATABASE} if with a password"
    try:
        url = make_url(given or registry.database or "sqlite://")
    except ArgumentError:
        raise InputError(f"${DATABASE} is no URL of a database: {way}") from None
    if url.get_backend_name() == "sqlite":
        problem = f"the registry is an SQLite file, which is on this machine alone: {way}"
    elif THIS_MACHINE.fullmatch(url.host or "localhost"):
        problem = f"the registry's server is this machine, {url.host or 'by a socket'}: {way}"
    else:
        return
    if given:
        raise InputError(problem, field=f"${DATABASE}")
    raise out_of_reach(RegistryParams, "database", problem)


def refuse_store_here() -> None:
    endpoint = os.environ.get(ENDPOINT)
    if endpoint and here_alone(endpoint):
        problem = f"{without_secrets(endpoint)} is this machine: name it as other machines do"
        raise InputError(problem, field=f"${ENDPOINT}")


def refuse_unsent_versions(registry: RegistryParams) -> None:
    if not registry.push_versions:
        raise out_of_reach(
            RegistryParams,
            "push_versions",
            "the version's rows and tag would go with the machine: set it to true",
        )


def refuse_lost_checkpoints(location: str | None) -> None:
    if location is None or here_alone(location):
        raise out_of_reach(
            LimitsParams,
            "checkpoints",
            "a spot machine is taken away at any time, and its disk with it: name an object "
            "store, such as s3://bucket/checkpoints, and training goes on from there",
        )


def refuse_models_here() -> None:
    """A model by path is in no clone, but where DVC or git keeps it in the project."""
    sections: tuple[type[ModelChoice], ...] = (BaseChoice, ModelChoice)
    for section in sections:
        model = load(section).model
        path = Path(model).expanduser()
        outside = path.is_absolute() or not path.resolve().is_relative_to(Path.cwd())
        if model != EMBEDDED and outside and (path.is_absolute() or path.exists()):
            raise out_of_reach(
                section,
                "model",
                f"{model} is on this machine alone: name it by its Hub id and commit, or put it "
                "into the project's folder and `dvc add` it",
            )


def refuse_engines_here() -> None:
    """What computes or answers beside Incumbent itself, and would not be there."""
    answers, cluster = load(GenerationParams), load(RayParams)
    if answers.vllm_python:
        problem = f"{answers.vllm_python} is a program of this machine: let the embedded backend"
        raise out_of_reach(GenerationParams, "vllm_python", f"{problem} answer, or a server")
    if answers.backend == "llama.cpp":
        problem = "llama.cpp is a program of this machine: let the embedded backend answer"
        raise out_of_reach(GenerationParams, "backend", problem)
    if answers.url and here_alone(answers.url):
        problem = f"{without_secrets(answers.url)} is this machine: name it as other machines do"
        raise out_of_reach(GenerationParams, "url", problem)
    if load(EngineParams).name == "ray" and cluster.address:
        problem = "the machine is part of no cluster: leave it out for one of its own"
        raise out_of_reach(RayParams, "address", problem)


# --- addresses ------------------------------------------------------------------------------------


def here_alone(address: str) -> bool:
    """Whether an address means this machine, so that another one finds nothing there."""
    scheme, mark, _ = address.partition("://")
    if not mark or scheme in ("file", "local", "memory"):
        return True
    return bool(THIS_MACHINE.fullmatch(urlsplit(address).hostname or ""))


def out_of_reach(section: type[Settings], key: str, problem: str) -> InputError:
    return setting_error(problem, *section_of(section).split("."), key)
