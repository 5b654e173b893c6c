"""Make a small project with the code of an earlier commit, to be upgraded by all later code.

    python -m tests.projects.make NAME COMMIT

Writes tests/projects/NAME.tar.gz: what that commit's `incumbent init` made of a table, run up to
its gate, and a registry by that commit's tests/registries/make.py, with two promotions, a HOLD, a
rollback and two nights. The base of three layers is left out: `lay_out_base` makes it. One that is
committed is never made anew. It is an archive because git and DVC would act on its files here.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent
REPOSITORY = ROOT.parents[1]
FAMILY = "test"  # of the registry that tests/registries/make.py makes; the folder is named so too
RECORDS = [(f"What is {n} plus {n}?", f"It is {2 * n}.") for n in range(90)]
LEFT_OUT = {"models", ".git", "tmp", "imports"}  # with what is made again anyway
CALL = "from incumbent.cli import main; main()"
MAKE_REGISTRY = """
import sys
from pathlib import Path
from tests.registries import make
make.ROOT = Path(sys.argv.pop(1))
make.main()
"""


def main() -> None:
    name, commit = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, code_of(commit, Path(folder)) as code:
        place = Path(folder)
        lay_out_base(place)
        table = ["question,answer", *(f"{question},{answer}" for question, answer in RECORDS)]
        (place / "sums.csv").write_text("\n".join([*table, ""]))
        options = ["--from", "sums.csv", "--base", str(place / "models" / "tiny"), "--yes"]
        call(code, place, "-c", CALL, "init", FAMILY, *options)
        project = place / FAMILY
        (place / "models").rename(project / "models")
        settings = project / "params.yaml"
        whole = f"{place.resolve()}/"  # of the base, as init wrote it
        settings.write_text(settings.read_text().replace(whole, ""))
        call(code, project, "-m", "dvc", "repro", "-q", "gate")
        (project / ".incumbent").mkdir(exist_ok=True)
        call(code, project, "-c", MAKE_REGISTRY, project / ".incumbent", "registry")
        with tarfile.open(ROOT / f"{name}.tar.gz", "w:gz") as archive:
            for path in sorted(kept(project)):
                archive.add(path, path.relative_to(project), recursive=False)


def lay_out_base(folder: Path) -> None:
    from tests.incumbent.setting_effects.models import lay_out_tiny  # which loads torch

    lay_out_tiny([text for record in RECORDS for text in record], folder / "models")


@contextmanager
def code_of(commit: str, folder: Path) -> Iterator[Path]:
    """A worktree of that commit."""
    place = folder / "code"
    subprocess.run(
        ["git", "worktree", "add", "-q", "--detach", place, commit], cwd=REPOSITORY, check=True
    )
    try:
        yield place
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", place], cwd=REPOSITORY, check=True)


def call(code: Path, folder: Path, *arguments: str | Path) -> None:
    """Run Python there with that code, whatever is installed."""
    own = {"PYTHONPATH": str(code), "INCUMBENT_ACTOR": "tester", "DVC_NO_ANALYTICS": "1"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **own, "PATH": path}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True)


def kept(project: Path) -> Iterator[Path]:
    """The files of a project that another machine would need."""
    for path in project.rglob("*"):
        inner = path.relative_to(project).parts
        if path.is_file() and not LEFT_OUT & set(inner[:2]):
            yield path


if __name__ == "__main__":
    main()
