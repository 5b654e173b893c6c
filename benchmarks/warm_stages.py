"""What stages cost that fork from a process with the libraries, beside stages that start alone.

    python -m benchmarks.warm_stages   # processor seconds, and whether both make the same bytes

A small pipeline with a base of three narrow layers, so that imports are most of it: by `dvc repro`,
then by `incumbent run --until compare`, and that again, which finds nothing to do. Times are of a
command and of all that it started and waited for.
"""

import sys
import tempfile
from pathlib import Path
from time import monotonic

from benchmarks.frame import children_seconds
from tests.conftest import REAL
from tests.incumbent.test_pipeline import Project
from tests.monitoring.hostile_project import tiny_base

RUN = ("incumbent", "run", "--until", "compare")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = tiny_base(folder / "base")
        alone, warm = (Project(made(folder / name), base, REAL) for name in ("alone", "warm"))
        before = tell("dvc repro", alone, "dvc", "repro")
        after = tell("incumbent run", warm, *RUN)
        print(f"| ratio | {after / before:.2f} | |")
        tell("incumbent run, nothing to do", warm, *RUN)
        different = [file for file in outputs(alone) if alone.read(file) != warm.read(file)]
        print(f"{len(outputs(alone))} files of outputs/, different: {different or 'none'}")
        sys.exit(bool(different))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def tell(name: str, project: Project, *command: str) -> float:
    """Print a row of the table; returns processor seconds."""
    before, began = children_seconds(), monotonic()
    ended = project.run(*command)
    if ended.returncode:
        raise SystemExit(ended.stdout)
    spent = children_seconds() - before
    print(f"| {name} | {spent:.1f} s of a core | {monotonic() - began:.1f} s |", flush=True)
    return spent


def outputs(project: Project) -> list[str]:
    files = (project.folder / "outputs").rglob("*")
    names = (file.relative_to(project.folder) for file in files if file.is_file())
    return sorted(str(name) for name in names)


if __name__ == "__main__":
    main()
