"""A submitted version sent to where others fetch it; a failure is told, and fails no submission."""

from collections.abc import Iterator

from incumbent.provenance.current_provenance import data_remote, git_remote
from project.dvc import dvc
from project.errors import IncumbentError
from project.git import git
from project.settings import load
from registry.registry_settings import RegistryParams


def push_version(family: str) -> tuple[str, ...]:
    """Send what registry.push_versions asks for, and with it what could not be sent before.

    Returns what is still missing elsewhere, each with the command that mends it.
    """
    return tuple(problems(family)) if load(RegistryParams).push_versions else ()


def problems(family: str) -> Iterator[str]:
    if data_remote() is None:
        yield (
            "its rows are on this machine alone, for DVC has no default remote: "
            "`dvc remote add -d storage URL && dvc push`"
        )
    elif why := failure_of_rows():
        yield f"its rows are not at DVC's remote yet ({why}): `dvc push`"
    if git_remote() and (why := failure_of_tags(family)):
        yield f"its tag is not at git's origin yet ({why}): `git push origin '{tags_of(family)}'`"


def failure_of_rows() -> str | None:
    """All that dvc.lock names is sent, so that a clone makes nothing of it again."""
    try:
        dvc("push")
    except IncumbentError as error:
        return str(error)
    return None


def failure_of_tags(family: str) -> str | None:
    try:
        git("push", "--quiet", "--no-verify", "origin", tags_of(family))
    except IncumbentError as error:
        return str(error)
    return None


def tags_of(family: str) -> str:
    """The tags of all its versions that are here."""
    names = f"refs/tags/incumbent/{family}/*"
    return f"{names}:{names}"
