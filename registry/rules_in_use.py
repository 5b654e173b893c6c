"""The rules of a server that runs while people edit its files: roles, and four eyes."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from project.errors import InputError
from project.files import FileState, state_of
from project.settings import PARAMS, load
from registry.registry_settings import RegistryParams
from registry.roles import NOBODY, Roles, roles_file

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
