"""`incumbent run`: the loop once, on a screen that shows it."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incumbent.options import ExitVerdict, Json, Reason, saying_what_stays
from incumbent.output import EXIT_CODES, print_json
from incumbent.pipeline import PIPELINE, Stage, needed_for, read_pipeline, stage_names
from incumbent.running.dvc_repro import refuse_wrong_settings, reproduce
from incumbent.running.run_screen import RunScreen
from monitoring.monitoring_settings import TriggerParams
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.files import home
from project.progress import watched
from project.settings import load, meant
from registry.champion import refuse_absent_base

if TYPE_CHECKING:
    from incumbent.submission import SubmissionOutcome

SUBMIT, START = "submit", "start"


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
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Stop where a third of the steps is clearly worse on dev."),
    ] = False,
) -> None:
    """Run the loop once: the pipeline, the decision on its challenger, the promotion if it won.

    With --quick the recipe and the champion's first learn for a third of the champion's steps;
    where it is worse on dev, by a one-sided t test at 1 %, the run stops: wrongly, where it would
    have won later. `--until start --quick` compares them, and ends there.
    Raises IncumbentError when a stage fails, in the stage's own words.

    $ incumbent run
    $ incumbent run --until gate
    """
    if until and until != START and quick:
        raise InputError(f"--quick is for a whole run, or for --until {START}")
    if until and exit_verdict:
        raise InputError("with --until there is no verdict: leave --exit-verdict out")
    names = [stage.name for stage in stages_of_a_run(until)]
    promote = load(TriggerParams).promote == "policy"
    refuse_wrong_settings()
    refuse_absent_base()
    with ended_by_signals():
        if until and not quick:
            run_stages(names, until, as_json=as_json)
            return
        stops = quick and compared_and_stopped(alone=bool(until), as_json=as_json)
        if until:
            return
        if stops:
            raise typer.Exit(EXIT_CODES["HOLD"] if exit_verdict else 0)
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


def compared_and_stopped(*, alone: bool, as_json: bool) -> bool:
    """Whether the recipe is clearly worse than the champion's at a third of its steps; `alone`:
    nothing is run after it.
    """
    with RunScreen([stage.name for stage in stages_of_a_run(START)]) as screen:
        reproduce(START, screen)
        screen.sum_up()
    # Imported here because it brings libraries of seconds, and few runs compare.
    from incumbent.reproducing.quick_run import NotComparedError, compare_with_champion

    found, stops = None, False
    try:
        found = compare_with_champion()
    except NotComparedError as problem:
        then = "" if alone else ", and the run goes on"
        print(f"not compared{then}: {problem}", file=sys.stderr)
    else:
        stops = found.stops
        found.write(home() / "quick" / f"{found.digest[:16]}.json")
        print(found, file=sys.stderr)
    if as_json and (stops or alone):
        print_json({"stages": stages_as_json(screen), "quick": found, "stops": stops})
    return stops


def run_and_submit(names: Sequence[str], *, promote: bool, reason: str, as_json: bool) -> int:
    Thread(target=import_submit, daemon=True).start()
    with RunScreen([*names, SUBMIT]) as screen:
        reproduce(None, screen)
        screen.sum_up()
        # Imported here because it is ready by now.
        from incumbent.submission import fields_of, mirror_outcome, print_submission, submit

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
        import_module("incumbent.submission")


def in_a_line(outcome: "SubmissionOutcome") -> str:
    decided = outcome.decided
    if decided.look:
        return f"{len(decided.look.items)} sealed items answered and scored"
    if decided.decision.opening is None:
        return "no sealed item was looked at"
    return "decided before: nothing to measure"


def stages_as_json(screen: RunScreen) -> list[dict[str, Any]]:
    return [asdict(result) for result in screen.results.values()]
