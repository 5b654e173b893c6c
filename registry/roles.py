"""Who may do what: names from a file, since the registry's database is not where to keep them."""

import os
from pathlib import Path
from typing import Literal

from project.errors import IncumbentError
from project.settings import Settings, read_settings

Duty = Literal["submit", "vote", "promote", "delete", "administer"]


class Roles(Settings):
    """Actors for each duty; null lets everybody.

    Whoever may promote approves, rejects, rolls back, and accepts what waits for a person.
    """

    submit: tuple[str, ...] | None = None
    vote: tuple[str, ...] | None = None
    promote: tuple[str, ...] | None = None
    delete: tuple[str, ...] | None = None  # versions; null: whoever may promote
    administer: tuple[str, ...] | None = None  # what is told of others; null: whoever may promote

    @classmethod
    def here(cls, path: Path | None) -> "Roles":
        """The roles of $INCUMBENT_ROLES, or of the file that params.yaml names; else no limits."""
        named = os.environ.get("INCUMBENT_ROLES")
        chosen = Path(named) if named else path
        return read_settings(cls, chosen) if chosen else cls()

    def allowed(self, duty: Duty) -> tuple[str, ...] | None:
        """Who has a duty; None: everybody."""
        own: tuple[str, ...] | None = getattr(self, duty)
        return self.promote if own is None and duty in ("delete", "administer") else own

    def allow(self, duty: Duty, actor: str) -> bool:
        allowed = self.allowed(duty)
        return allowed is None or actor in allowed

    def require(self, duty: Duty, actor: str) -> None:
        """Raise IncumbentError unless the actor has the duty."""
        if not self.allow(duty, actor):
            names = ", ".join(self.allowed(duty) or ()) or "nobody"
            raise IncumbentError(f"{actor} may not {duty}: that is for {names}")
