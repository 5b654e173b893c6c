"""A wheel of this repository, and an environment of its own that it is installed in."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from incumbent.pipeline import PACKAGES
from tests.conftest import READ_BY_LIBRARIES, ROOT


def call(*command: str | Path, folder: Path = ROOT) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def pip(*arguments: str | Path) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    call(sys.executable, "-m", "pip", *quiet, *arguments)


def build(source: Path, into: Path) -> Path:
    """A wheel of a folder or of an sdist, made without the network."""
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", into, source)
    return next(into.glob("*.whl"))


@dataclass(frozen=True)
class Installed:
    """An environment that has the wheel, in a folder of its own. All that the wheel depends on
    comes from the environment of the tests, whose own Incumbent is not seen there.
    """

    folder: Path
    programs: Path | None = None  # that start at once

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which `incumbent`, `dvc` and `python` are this environment's."""
        outer = str(Path(sys.executable).parent)
        bins = (self.programs, self.folder / "bin") if self.programs else (self.folder / "bin",)
        others = [path for path in os.environ["PATH"].split(os.pathsep) if path != outer]
        return {
            "PATH": os.pathsep.join([*map(str, bins), *others]),
            "HOME": os.environ["HOME"],
            "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],
            "INCUMBENT_ACTOR": "tester",
            "DVC_NO_ANALYTICS": "1",
            **READ_BY_LIBRARIES,
        }

    def run(self, folder: Path, *command: str | Path) -> str:
        """What a command prints that is run in a folder. It must succeed."""
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def shadow(folder: Path) -> None:
    """Put packages of a user's own into a project that are named like ours, and break on import."""
    for name in (*PACKAGES, "datasets"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('{name} is shadowed')\n")
