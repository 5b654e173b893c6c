"""Where answers and judgements are kept as they come, so that an interrupted run goes on."""

from pathlib import Path
from typing import Protocol

from project.files import home, write_bytes


class KeptBytes(Protocol):
    def read(self, name: Path) -> bytes | None:
        """What was kept under a name, a path below the project's home; None: nothing."""

    def write(self, name: Path, data: bytes) -> None: ...


class KeptInFiles:
    """In the project's home, where whoever works on the project may read and delete it."""

    def read(self, name: Path) -> bytes | None:
        path = home() / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: Path, data: bytes) -> None:
        write_bytes(home() / name, data)


IN_FILES = KeptInFiles()
