"""Where the registry is, and in whose name it is written."""

import getpass
import os
from pathlib import Path

from pydantic import Field

from registry.params import Settings

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"  # of a family or an alias


class RegistryParams(Settings):
    """Adapters of one family compete for one seat."""

    family: str = Field(default="default", pattern=NAME)
    # SQLAlchemy and fsspec URLs; null: SQLite and a folder in the home of all state. An address
    # with a password belongs in $INCUMBENT_DATABASE.
    database: str | None = None
    artifacts: str | None = None
    roles: Path | None = None  # YAML: {submit, vote, promote: [names]}


def current_actor() -> str:
    """Whose name stands in the history: $INCUMBENT_ACTOR, or the user of this process."""
    if actor := os.environ.get("INCUMBENT_ACTOR"):
        return actor
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return f"uid {os.getuid()}"
