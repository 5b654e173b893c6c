"""`incumbent submit` and `registry reevaluate`: a challenger, or a version that is there
already, compared with the champion.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from incumbent.options import ExitVerdict, Json, Promote, Reason, VersionNumber
from incumbent.pipeline import Stage, after, read_pipeline
from project.errors import IncumbentError, InputError
from project.files import home
from project.paths import ADAPTER, ADAPTER_FILES, BASE
from project.records.adapters import AdapterVersion, ModelPin
from registry.champion import based_here
from registry.store import Registry

# --- submit ---------------------------------------------------------------------------------------


def submit_challenger(
    promote: Promote = False,
    reason: Reason = "pipeline run",
    as_json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Register the pipeline's challenger and decide on its evidence.

    $ incumbent submit --promote
    """
    from incumbent.submission import submit_and_tell  # not before it is called: it takes a while

    code = submit_and_tell(promote=promote, reason=reason, as_json=as_json)
    if exit_verdict:
        raise typer.Exit(code)


# --- reevaluate -----------------------------------------------------------------------------------

TRAIN, CODE, GATE = "training.train", "incumbent.code", "curation.gate"
TRAINING = "training."  # the package of the stages that train
PINS = "training.base"  # the one of them that trains nothing
OUTPUTS = Path("outputs")


def reevaluate(
    number: VersionNumber,
    promote: Promote = False,
    reason: Reason = "evaluated again",
    as_json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Compare a version with the champion anew, such as after fresh eval items came.

    The evaluation stages run in a folder of their own, on the project's data and models as the
    last `dvc repro` left them, so that the pipeline's own challenger stays what it is.

    $ incumbent registry reevaluate v3
    """
    with Registry.here() as registry:
        version = registry.version(number)
        if registry.champion() == version:
            raise InputError(f"{version.label} is the champion: there is no other to compare with")
        project = ModelPin.read(BASE)
        if version.adapter.base.weights != project.weights:
            based_here(version.adapter.contestant, project, version.label)
        folder = lay_out(registry, version)
    os.environ["INCUMBENT_HOME"] = str(home().resolve())
    for stage in stages_to_run(read_pipeline()):
        # Progress is for people; with --json, standard output is for programs.
        print(f"{version.label}: {stage.name}", file=sys.stderr)
        command = [str(Path(sys.executable).with_name("incumbent")), "stage", stage.name]
        if subprocess.run(command, cwd=folder, stdout=sys.stderr).returncode:
            raise IncumbentError(f"{stage.name} failed: see its message above")
    from incumbent.submission import submit_and_tell  # as above, and it takes a while

    with contextlib.chdir(folder):
        code = submit_and_tell(promote=promote, reason=reason, as_json=as_json)
    if exit_verdict:
        raise typer.Exit(code)


def stages_to_run(pipeline: Sequence[Stage]) -> list[Stage]:
    """Those of ours after training, and those that look at what lies outside the project; but not
    the gate, for nothing is trained.
    """
    later = [stage for s in pipeline if s.module == TRAIN for stage in after(s.name, pipeline)]
    idle = (None, CODE, GATE)
    ours = [stage for stage in pipeline if stage.module not in idle and not trains(stage)]
    return [stage for stage in ours if stage in later or stage.always]


def trains(stage: Stage) -> bool:
    return bool(stage.module and stage.module.startswith(TRAINING) and stage.module != PINS)


def lay_out(registry: Registry, version: AdapterVersion) -> Path:
    """A folder laid out like the project, with this version's adapter as its challenger."""
    folder = home() / "reevaluate" / version.label.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    pipeline = read_pipeline()
    made = [out for stage in stages_to_run(pipeline) for out in stage.outs]
    given = [out for stage in pipeline if not trains(stage) for out in stage.outs]
    own = [path.name for path in Path().iterdir() if path.name[0] != "." and path != OUTPUTS]
    for name in (*own, *(out for out in given if out not in made)):
        if not Path(name).exists():
            raise InputError("is not there: run `dvc repro` first", file=name)
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(Path(name).resolve())
    registry.artifacts.check_out(version.adapter.files, folder / ADAPTER_FILES)
    version.adapter.write(folder / ADAPTER)
    return folder
