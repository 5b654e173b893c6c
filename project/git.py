"""Git as a child process that asks nobody for a password, and the author where it knows none."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from project.errors import IncumbentError, InputError
from project.untrusted_input import one_line

LONGEST = 60.0  # seconds that git may take, for a remote that does not answer
SHOWN = 500  # characters of what git said, from its end
AUTHOR = ("-c", "user.name=incumbent", "-c", "user.email=incumbent@localhost")
ASKS_NOBODY = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class GitError(IncumbentError):
    """Git failed; the message has its words."""


def git(
    *arguments: str,
    folder: Path | None = None,
    given: bytes = b"",
    variables: Mapping[str, str] | None = None,
    longest: float = LONGEST,
) -> bytes:
    """What git prints. Raises GitError where it fails, InputError where it is not installed."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            input=given,
            capture_output=True,
            timeout=longest,
            env={**os.environ, **ASKS_NOBODY, **(variables or {})},
        )
    except FileNotFoundError:
        raise InputError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {git_verb(arguments)} took more than {longest:g} s") from None
    if done.returncode:
        said = one_line(done.stderr.decode(errors="replace"))[-SHOWN:]
        raise GitError(f"git {git_verb(arguments)}: {said or f'exit code {done.returncode}'}")
    return done.stdout


def git_verb(arguments: Sequence[str]) -> str:
    """The verb of a call, whatever settings stand before it."""
    pairs = zip(("", *arguments), arguments, strict=False)
    return next((word for before, word in pairs if "-c" not in (before, word)), "")


def author(folder: Path | None = None) -> Sequence[str]:
    """A name for a commit where git knows none; () where it does."""
    try:
        git("config", "user.email", folder=folder)
    except GitError:
        return AUTHOR
    return ()
