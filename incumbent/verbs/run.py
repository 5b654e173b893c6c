"""`incumbent run` and `registry reproduce`: the loop once, and a version made again."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from incumbent.options import ExitVerdict, Json, Reason, VersionNumber, saying_what_stays
from incumbent.output import EXIT_CODES, console, print_json, print_table, say
from incumbent.pipeline import PIPELINE, Stage, needed_for, read_pipeline, stage_names
from incumbent.running.dvc_repro import refuse_wrong_settings, reproduce
from incumbent.running.run_screen import RunScreen
from incumbent.running.running_stage import duration_text
from monitoring.monitoring_settings import TriggerParams
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.files import home
from project.progress import watched
from project.records.record import short
from project.settings import load, meant
from registry.champion import refuse_absent_base
from registry.reader import RegistryReader

if TYPE_CHECKING:
    from incumbent.reproducing.reproduction import Reproduction
    from incumbent.submission import SubmissionOutcome

# --- run ------------------------------------------------------------------------------------------

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

    comparison, stops = None, False
    try:
        comparison = compare_with_champion()
    except NotComparedError as problem:
        then = "" if alone else ", and the run goes on"
        print(f"not compared{then}: {problem}", file=sys.stderr)
    else:
        stops = comparison.stops
        comparison.write(home() / "quick" / f"{comparison.digest[:16]}.json")
        print(comparison, file=sys.stderr)
    if as_json and (stops or alone):
        print_json({"stages": stages_as_json(screen), "quick": comparison, "stops": stops})
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


# --- reproduce ------------------------------------------------------------------------------------

COLUMNS = ("metric", ">original", ">reproduced", ">difference", ">95 % interval", ">items")


def reproduce_version(
    number: VersionNumber,
    keep: Annotated[
        Path | None,
        typer.Option(help="A new folder to work in, which is kept; if left out, none is kept."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a version again from its commit, and say whether the adapter has the same bytes.

    Raises IncumbentError where that fails.

    $ incumbent registry reproduce v3
    """
    err = Console(stderr=True, highlight=False, markup=False)
    with RegistryReader.here() as registry, ended_by_signals():
        # Imported here because they bring libraries that take a second.
        from incumbent.reproducing.project_copy import reproducible
        from incumbent.reproducing.reproduction import make_again

        wanted = reproducible(registry, number)
        with working_folder(keep) as folder:
            rerun = make_again(registry, wanted, folder, lambda text: err.print(text, style="dim"))
    if as_json:
        print_json(rerun.model_dump(mode="json") | {"same": rerun.same, "kept": keep and str(keep)})
    else:
        print_reproduction(rerun)
        if keep:
            say(f"kept: {keep}")


@contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """An empty folder: a new one that stays, or one that is gone afterwards, come what may."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="incumbent-reproduce-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if keep.exists() and not (keep.is_dir() and not any(keep.iterdir())):
        raise InputError(f"{keep} is there already: name a new folder", field="--keep")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def print_reproduction(reproduction: "Reproduction") -> None:
    how = "the same bytes" if reproduction.same else "other bytes"
    say(f"{reproduction.version} was made again from commit {reproduction.commit[:12]}: {how}")
    facts = [
        ("adapter", short(reproduction.original)),
        *([] if reproduction.same else [("reproduced", short(reproduction.reproduced))]),
        *([] if reproduction.same else [("its files that differ", ", ".join(reproduction.files))]),
        ("trained in", str(reproduction.numerics or "numerics that were not recorded")),
        ("its stages took", duration_text(reproduction.seconds)),
    ]
    print_table(("", ""), facts)
    print_differences(reproduction)
    if not reproduction.same:
        print_dev(reproduction)


def print_differences(reproduction: "Reproduction") -> None:
    if reproduction.differences:
        console.print("\nwhat differs" + (", and changed nothing" if reproduction.same else ""))
        for line in reproduction.differences:
            say(f"  {line}")
    elif not reproduction.same:
        say(
            "\nnothing that is on record differs: the number of threads or of GPUs may, or the "
            "model of the processor"
        )


def print_dev(reproduction: "Reproduction") -> None:
    if reproduction.not_compared:
        say(f"\nthe two were not compared on dev: {reproduction.not_compared}")
        return
    console.print("\non dev, reproduced − original")
    rows = [
        (
            difference.metric,
            number(difference.original),
            number(difference.reproduced),
            f"{difference.difference:+.3f}",
            f"{difference.interval[0]:+.3f} … {difference.interval[1]:+.3f}",
            str(difference.items),
        )
        for difference in reproduction.dev
    ]
    print_table(COLUMNS, rows)
    if reproduction.beyond_chance:
        told = f"more than chance in {', '.join(reproduction.beyond_chance)}"
    else:
        told = "within chance in every metric"
    say(f"\nthey differ {told} (Holm's procedure, 5 % over all metrics)")


def number(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.3f}"
