"""`incumbent rechallenge`: a version that is there already sits the exam again, as it is today."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from incumbent.verbs.submit import submit_challenger
from project.errors import IncumbentError, InputError
from project.files import home
from project.paths import ADAPTER, ADAPTER_FILES, BASE
from project.records.adapters import AdapterVersion, ModelPin
from registry.store import Registry

STAGES = (
    "training.base",
    "registry.champion",
    "evaluation.generate",
    "evaluation.score",
    "evaluation.compare",
)
SHARED = ("params.yaml", "datasets")
INPUTS = ("reward", "calibration.json", "dataset.json", "gate")


def reevaluate(number: int, *, promote: bool, reason: str, as_json: bool) -> int:
    """Answer, score and decide anew; returns the verdict's exit code.

    The evaluation stages run in a folder of their own, on the project's data and models as the
    last `dvc repro` left them, so that the pipeline's own challenger stays what it is.
    """
    with Registry.here() as registry:
        version = registry.version(number)
        if registry.champion() == version:
            raise InputError(f"{version.label} is the champion: it has nobody to challenge")
        if version.adapter.base.weights != ModelPin.read(BASE).weights:
            raise InputError(f"{version.label} stands on another base model than the project's")
        folder = lay_out(registry, version)
    os.environ["INCUMBENT_HOME"] = str(home().resolve())
    for stage in STAGES:
        # Progress is for people; with --json, standard output is for programs.
        print(f"{version.label}: {stage}", file=sys.stderr)
        done = subprocess.run([sys.executable, "-m", stage], cwd=folder, stdout=sys.stderr)
        if done.returncode:
            raise IncumbentError(f"{stage} failed: see its message above")
    with contextlib.chdir(folder):
        return submit_challenger(promote=promote, reason=reason, as_json=as_json)


def lay_out(registry: Registry, version: AdapterVersion) -> Path:
    """A folder laid out like the project, with this version's adapter as its challenger."""
    folder = home() / "rechallenge" / version.label.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "outputs").mkdir(parents=True)
    for name in (*SHARED, *(f"outputs/{name}" for name in INPUTS)):
        if not Path(name).exists():
            raise InputError("is not there: run `dvc repro` first", file=name)
        (folder / name).symlink_to(Path(name).resolve())
    registry.artifacts.check_out(version.adapter.files, folder / ADAPTER_FILES)
    version.adapter.write(folder / ADAPTER)
    return folder
