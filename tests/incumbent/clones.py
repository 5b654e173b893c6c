"""Machines of a team on one project: each has a clone, and state and a DVC cache of its own.

Where a test is not about `dvc repro`, one process does all, and imports its libraries once.

python -m tests.incumbent.clones: all stages in order, recorded by DVC as if it had run them, then
`incumbent submit --promote`.
"""

import os
import subprocess
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from project.settings import KEY, VERSION
from tests.conftest import READ_BY_LIBRARIES, ROOT
from tests.incumbent.short_suites import shorten_suites

FAMILY = "sums"
ROWS = "datasets/sources/sums.csv"
PARAMS: dict[str, Any] = {  # with all sections that dvc.yaml names
    "base": {"precision": "float32", "max_length": 64},
    "embedder": {"model": "embedded"},
    "retrieval": {"documents": []},
    "curation": {
        "collect": {
            "sources": [
                {"kind": "file", "path": ROWS, "columns": {"prompt": "q", "completion": "a"}}
            ]
        },
        "curate": {"dev": 8, "sealed": 24},
        "validate": {"contract": "datasets/contracts/sft.yaml", "embedded_rows": 10},
    },
    "training": {
        "adapter": {"r": 2, "quantization": "none"},
        "domain": {"epochs": 0},
        "sft": {"batch_size": 8, "learning_rate": 0.01, "epochs": 1},
        "distill": {"epochs": 0},
        "dpo": {"epochs": 0},
        "kto": {"epochs": 0},
        "grpo": {"epochs": 0},
    },
    "evaluation": {
        "decoding": {"max_new_tokens": 4},
        "few_shot": {"shots": 0},
        "generation": {"backend": "embedded"},
        "scoring": {"metrics": ["rouge", "perplexity"]},
        "preference": {"reward": {"rows": 12}},
        "preference_data": {"judge": {"rows": 0}},
        # What is shown is that two machines find the same, on too few items to be sure of much.
        "policy": {
            "gating": ["reference_logprob"],
            "alpha": 0.49,
            "qualify": 0.5,
            "general_margin": 1,
        },
    },
}


@dataclass(frozen=True)
class Clone:
    """A clone of the project on a machine of its own."""

    folder: Path
    state: Path
    programs: Path

    def run(self, *command: str, code: int = 0) -> str:
        """What a command prints, which ends with this code."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        stores = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        return {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "INCUMBENT_HOME": str(self.state),
            "INCUMBENT_ACTOR": self.folder.name,
            **stores,
            **READ_BY_LIBRARIES,
        }

    def run_and_submit(self) -> str:
        """As `incumbent run` would."""
        return self.run("python", "-m", "tests.incumbent.clones")

    def commit(self, message: str) -> None:
        """And share it."""
        self.run("git", "add", "-A")
        author = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
        self.run("git", *author, "commit", "-qm", message)
        self.run("git", "push", "-q", "origin", "HEAD:main")

    def digests(self) -> dict[str, bytes]:
        """What has to be the same on every machine."""
        names = ("dataset", "adapter", "evidence", "champion")
        return {name: (self.folder / f"outputs/{name}.json").read_bytes() for name in names}


def write_rows(folder: Path, count: int) -> None:
    lines = (f"What is {n} plus {n}?,It is {2 * n}.\n" for n in range(count))
    (folder / ROWS).write_text("q,a\n" + "".join(lines))


def read_longer(folder: Path) -> None:
    """Let each row be read several times, by which a challenger is surely better."""
    file = folder / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["training"]["sft"]["epochs"] = 4
    file.write_text(yaml.safe_dump(params))


def words(most: int) -> list[str]:
    """All words of the rows, for a base that knows no other ones."""
    texts = [f"What is {n} plus {n}? It is {2 * n}." for n in range(most)]
    return sorted({word for text in texts for word in text.split()})


def lay_out(base: Path, registry: dict[str, Any]) -> None:
    """The files of a new project, in the current folder; suites as short as can be."""
    from incumbent.project_files import copy_project

    copy_project(Path(), sample=False)
    shorten_suites(Path(), 2)
    write_rows(Path(), 140)  # the gate asks for 100
    params = PARAMS | {KEY: VERSION, "registry": {"family": FAMILY, **registry}}
    params["base"] = PARAMS["base"] | {"model": str(base)}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def main() -> None:
    from incumbent.pipeline import read_pipeline
    from project.child_processes import dvc

    for stage in read_pipeline():
        assert stage.module is not None
        if stage.name == "gate":  # which reads DVC's checksum of the curated rows
            dvc("commit", "--force", "curate")
        import_module(stage.module).main()
    dvc("commit", "--force")
    from incumbent.verbs.submit import submit_challenger

    submit_challenger(promote=True, reason="tests", as_json=False)


if __name__ == "__main__":
    main()
