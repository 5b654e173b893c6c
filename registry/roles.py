"""Who may do what: names from a file, since the registry's database is not where to keep them."""

import os
from pathlib import Path
from typing import Literal

from project.errors import IncumbentError
from project.settings import Settings, read_settings

Duty = Literal["submit", "vote", "promote"]


class Roles(Settings):
    """Actors for each duty; null lets everybody. Whoever may promote may roll back and delete."""

    submit: tuple[str, ...] | None = None
    vote: tuple[str, ...] | None = None
    promote: tuple[str, ...] | None = None

    @classmethod
    def here(cls, path: Path | None) -> "Roles":
        """The roles of $INCUMBENT_ROLES, or of the file that params.yaml names; else no limits."""
        named = os.environ.get("INCUMBENT_ROLES")
        chosen = Path(named) if named else path
        return read_settings(cls, chosen) if chosen else cls()

    def require(self, duty: Duty, actor: str) -> None:
        """Raise IncumbentError unless the actor has the duty."""
        allowed: tuple[str, ...] | None = getattr(self, duty)
        if allowed is not None and actor not in allowed:
            raise IncumbentError(
                f"{actor} may not {duty}: that is for {', '.join(allowed) or 'nobody'}"
            )
