"""The real command, serving a project's pages to a real browser."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(/\S*)?")
PATIENCE = 20  # seconds for the server to end


@dataclass(frozen=True)
class Served:
    """Where the pages are; `door` signs one browser in, where the project asks for a token."""

    door: str
    process: "subprocess.Popen[str]"

    @property
    def port(self) -> int:
        return urlsplit(self.door).port or 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(folder: Path, port: int = 0, actor: str = "ann") -> Iterator[Served]:
    """`incumbent review` in this folder, until the block ends."""
    command = [str(Path(sys.executable).with_name("incumbent")), "review", "--no-browser"]
    environment = {name: value for name, value in os.environ.items() if name != "INCUMBENT_HOME"}
    with (
        (folder / "review.log").open("a") as log,
        subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=folder,
            env=environment | {"INCUMBENT_ACTOR": actor, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout
        try:
            found = next(filter(None, map(ADDRESS.search, process.stdout)), None)
            assert found, f"it did not start: {Path(log.name).read_text()}"
            yield Served(found[0], process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
