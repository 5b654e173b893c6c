"""Which files git could not bring back."""

from collections.abc import Iterable
from pathlib import Path

from project.errors import InputError
from project.git import GitError, git


def uncommitted(names: Iterable[str]) -> list[str]:
    """Of some files those with changes that no commit has; all of them where there is no git."""
    return [name for name in names if Path(name).exists() and not committed(name)]


def committed(name: str) -> bool:
    try:
        git("ls-files", "--error-unmatch", name)
        git("diff", "--quiet", "HEAD", "--", name)
    except (GitError, InputError):
        return False
    return True
