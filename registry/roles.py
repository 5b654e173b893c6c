"""Who may do what: names from a file, since the registry's database is not where to keep them."""

import os
from pathlib import Path
from typing import Literal, get_args

from pydantic import field_validator

from project.errors import IncumbentError, InputError
from project.settings import Settings, read_settings

Duty = Literal["submit", "vote", "promote", "delete", "administer"]
Everybody = Literal["everybody"]
EVERYBODY: Everybody = "everybody"


class Roles(Settings):
    """Who has each duty: a list of names, or the word everybody. A duty that is left out, or that
    has nothing behind it, is nobody's: a file that was cut gives nobody more than it gave before.

    Whoever may promote approves, rejects, rolls back, and accepts what waits for a person.
    """

    submit: tuple[str, ...] | Everybody = ()
    vote: tuple[str, ...] | Everybody = ()
    promote: tuple[str, ...] | Everybody = ()
    delete: tuple[str, ...] | Everybody = ()  # versions
    administer: tuple[str, ...] | Everybody = ()  # what is told of others

    @field_validator("*", mode="before")
    @classmethod
    def refuse_half_said(cls, names: object) -> object:
        """Also: null is nobody."""
        if (isinstance(names, str) and names != EVERYBODY) or names == [EVERYBODY]:
            raise ValueError(f"must be a list of names, as [ann, bob], or the word {EVERYBODY}")
        return () if names is None else names

    @classmethod
    def here(cls, path: Path | None) -> "Roles":
        """The roles of $INCUMBENT_ROLES, or of the file that params.yaml names; else no limits.

        Raises InputError for a file that is not there or cannot be read as roles.
        """
        chosen = roles_file(path)
        if chosen is None:
            return NO_LIMITS
        roles = read_settings(cls, chosen)
        if chosen.read_text().rpartition("\n")[2].lstrip().startswith("-"):
            raise InputError("ends within a list: end its last line, or it may be cut", file=chosen)
        return roles

    def allow(self, duty: Duty, actor: str) -> bool:
        names: tuple[str, ...] | Everybody = getattr(self, duty)
        return names == EVERYBODY or actor in names

    def names(self, duty: Duty) -> str:
        """Who has a duty, in words."""
        names: tuple[str, ...] | Everybody = getattr(self, duty)
        return names if names == EVERYBODY else ", ".join(names) or "nobody"

    def require(self, duty: Duty, actor: str) -> None:
        """Raise IncumbentError unless the actor has the duty."""
        if self.allow(duty, actor):
            return
        has = self.names(duty)
        mend = f": name people for it in the file of registry.roles, or write `{duty}: {EVERYBODY}`"
        raise IncumbentError(
            f"{actor} may not {duty}: that is for {has}{mend if has == 'nobody' else ''}"
        )


NO_LIMITS = Roles(**dict.fromkeys(get_args(Duty), EVERYBODY))  # of a project that names no file
NOBODY = Roles()


def roles_file(path: Path | None) -> Path | None:
    """The file that $INCUMBENT_ROLES names, or else params.yaml, as `path`."""
    named = os.environ.get("INCUMBENT_ROLES")
    return Path(named) if named else path
