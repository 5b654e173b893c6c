"""`run`, `submit` and `registry reevaluate`: the loop once, and a challenger compared."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incumbent.options import ExitVerdict, Json, Promote, Reason, VersionNumber, saying_what_stays
from incumbent.output import EXIT_CODES, print_json
from incumbent.pipeline import PIPELINE, Stage, after, needed_for, read_pipeline, stage_names
from incumbent.running.dvc_repro import refuse_wrong_settings, reproduce
from incumbent.running.run_screen import RunScreen
from monitoring.monitoring_settings import TriggerParams
from project.child_processes import ended_by_signals
from project.errors import IncumbentError, InputError
from project.files import home
from project.paths import ADAPTER, ADAPTER_FILES, BASE
from project.progress import watched
from project.records.adapters import AdapterVersion, ModelPin
from project.settings import load, meant
from registry.champion import based_here, refuse_absent_base
from registry.store import Registry

if TYPE_CHECKING:
    from incumbent.submission import SubmissionOutcome

# --- run ------------------------------------------------------------------------------------------

SUBMIT = "submit"


@saying_what_stays("interrupted: run it again to go on")
def run(
    until: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE",
            autocompletion=stage_names,
            help="End after this stage of dvc.yaml.",
        ),
    ] = None,
    reason: Reason = "pipeline run",
    as_json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Run the loop once: the pipeline, the decision on its challenger, the promotion if it won.

    Raises IncumbentError when a stage fails, in the stage's own words.

    $ incumbent run
    $ incumbent run --until gate
    """
    if until and exit_verdict:
        raise InputError("with --until there is no verdict: leave --exit-verdict out")
    names = [stage.name for stage in stages_of_a_run(until)]
    promote = load(TriggerParams).promote == "policy"
    refuse_wrong_settings()
    refuse_absent_base()
    with ended_by_signals():
        if until:
            run_stages(names, until, as_json=as_json)
            return
        code = run_and_submit(names, promote=promote, reason=reason, as_json=as_json)
    raise typer.Exit(code if exit_verdict else 0)


def stages_of_a_run(until: str | None) -> Sequence[Stage]:
    """All stages, or one and what it needs. Raises InputError for one that there is not."""
    pipeline = read_pipeline()
    if until is None:
        return pipeline
    if not (needed := needed_for(until.partition("@")[0], pipeline)):
        known = [stage.name for stage in pipeline]
        raise InputError(f"{PIPELINE} has no stage {until!r}{meant(until, known)}")
    return needed


def run_stages(names: Sequence[str], until: str, *, as_json: bool) -> None:
    with RunScreen(names) as screen:
        reproduce(until, screen)
        screen.sum_up()
    screen.print_total()
    if as_json:
        print_json({"stages": stages_as_json(screen)})


def run_and_submit(names: Sequence[str], *, promote: bool, reason: str, as_json: bool) -> int:
    Thread(target=import_submit, daemon=True).start()
    with RunScreen([*names, SUBMIT]) as screen:
        reproduce(None, screen)
        screen.sum_up()
        # Imported here because it is ready by now.
        from incumbent.submission import submit
        from incumbent.submission_text import fields_of, mirror_outcome, print_submission

        screen.begin(SUBMIT)
        with watched(screen.report):
            outcome = submit(promote=promote, reason=reason)
        screen.finish(in_a_line(outcome))
    if as_json:
        more = {"promoted": outcome.promoted, "report": str(outcome.page)}
        print_json({"stages": stages_as_json(screen), **fields_of(outcome), **more})
    else:
        print_submission(outcome)
    screen.print_total()
    mirror_outcome(outcome)
    return EXIT_CODES[outcome.decided.decision.verdict]


def import_submit() -> None:
    """Import what comes after DVC while DVC works; what is missing is told when it is needed."""
    with suppress(ImportError):
        import_module("incumbent.submission_text")


def in_a_line(outcome: "SubmissionOutcome") -> str:
    decided = outcome.decided
    if decided.look:
        return f"{len(decided.look.items)} sealed items answered and scored"
    if decided.decision.opening is None:
        return "no sealed item was looked at"
    return "decided before: nothing to measure"


def stages_as_json(screen: RunScreen) -> list[dict[str, Any]]:
    return [asdict(result) for result in screen.results.values()]


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
    from incumbent.submission_text import submit_and_tell  # as above, and it takes a while

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
    from incumbent.submission_text import submit_and_tell  # as above, and it takes a while

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
