"""Who may do what, and the rules that are in use."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

from pydantic import field_validator

from project.errors import IncumbentError, InputError
from project.files import FileState, state_of
from project.settings import PARAMS, Settings, load, read_settings
from registry.registry_settings import RegistryParams

# --- roles ----------------------------------------------------------------------------------------

# Who may do what: names from a file, since the registry's database is not where to keep them.

Duty = Literal["submit", "vote", "promote", "delete", "administer"]
Everybody = Literal["everybody"]
EVERYBODY: Everybody = "everybody"


class Roles(Settings):
    """Who has each duty: a list of names, or the word everybody. A duty that is left out, or that
    has nothing behind it, is nobody's: a file that was cut gives nobody more than it gave before.

    Whoever may promote approves, rejects, rolls back, and accepts what waits for a person, and
    drift that is normal now.
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


# --- rules in use ---------------------------------------------------------------------------------

# The rules of a server that runs while people edit its files: roles, and four eyes.

PATIENCE = 10.0  # seconds in which a file that cannot be read passes for one that is being edited

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """Who may do what, and whether a second person has to promote."""

    roles: Roles = NOBODY
    four_eyes: bool = False


@dataclass
class RulesInUse:
    """Each file is read again when it has changed, and whoever is taken out of it may no more.

    A file of roles that was named once is read until the server ends, and four eyes stay: else
    params.yaml, emptied or cut, would take the limits away. Where the file of roles is gone, cannot
    be read, or gives nobody a duty, what stood before counts for PATIENCE, and then nobody has any.
    """

    seconds: Callable[[], float] = time.monotonic
    _file: Path | None = None  # of the roles
    _state: FileState = ()  # of both files when they were read
    _rules: Rules = Rules()
    _broken_since: float | None = None
    _lock: Lock = field(default_factory=Lock)

    def now(self) -> Rules:
        """Raises InputError where params.yaml was never read yet, and cannot be."""
        with self._lock:
            state = state_of(PARAMS, *filter(None, [self._file]))
            if state != self._state or self._broken_since is not None:
                self._read_settings()
                self._read_roles()
                self._state = state
            return self._rules

    def _read_settings(self) -> None:
        try:
            params = load(RegistryParams)
        except InputError:
            if not self._state:
                raise
            return
        chosen = roles_file(params.roles)
        if chosen and not self._file:  # what stood without a file does not count with one
            self._rules = Rules(four_eyes=self._rules.four_eyes)
        self._file = chosen or self._file
        self._rules = replace(self._rules, four_eyes=params.four_eyes or self._rules.four_eyes)

    def _read_roles(self) -> None:
        try:
            roles = Roles.here(self._file)
            if roles == NOBODY:
                raise InputError("gives nobody a duty", file=self._file)
        except InputError as error:
            self._keep_for_a_while(error)
        else:
            self._broken_since = None
            self._rules = replace(self._rules, roles=roles)

    def _keep_for_a_while(self, error: InputError) -> None:
        if self._broken_since is None:
            self._broken_since = self.seconds()
            log.warning("%s: in %.0f s nobody has a duty until it is mended", error, PATIENCE)
        elif self.seconds() - self._broken_since > PATIENCE:
            self._rules = replace(self._rules, roles=NOBODY)
