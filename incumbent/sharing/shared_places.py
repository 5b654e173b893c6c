"""Where a team keeps what it shares of a new project: tried first, then put into its settings."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from incumbent.recipes.yaml_text import with_value
from incumbent.sharing.usable_registry import refuse_unusable
from incumbent.sharing.usable_remote import usable_remote
from project.files import write_bytes
from project.settings import PARAMS, load
from registry.registry_settings import RegistryParams


@dataclass(frozen=True)
class SharedPlaces:
    """Addresses; None: this machine alone has it."""

    remote: str | None = None  # DVC's, of rows and of what stages made
    database: str | None = None  # of the registry
    artifacts: str | None = None

    def tried(self, family: str) -> Self:
        """The same, usable. Raises InputError for what is not, or others would not reach."""
        if self.database or self.artifacts:
            refuse_unusable(self.database, self.artifacts, family)
        return replace(self, remote=usable_remote(self.remote) if self.remote is not None else None)

    def put_in(self, path: Path = PARAMS) -> None:
        """Write what is set into the registry's section, with all else as it was."""
        text = path.read_bytes().decode()
        for key, value in self.keys().items():
            text = with_value(text, ["registry", key], value)
        write_bytes(path, text.encode())
        load(RegistryParams, path)

    def keys(self) -> dict[str, Any]:
        """Of the registry's section. Whoever names a remote wants every version to be there."""
        keys = {"database": self.database, "artifacts": self.artifacts}
        pushed = {"push_versions": True} if self.remote else {}
        return {key: value for key, value in keys.items() if value is not None} | pushed
