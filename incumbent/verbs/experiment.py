"""`gateway experiment`: a version that is not the champion answers some users, or beside it."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from incumbent.options import LARGEST, Json, Reason, VersionNumber
from incumbent.output import console, print_json, print_table, say
from project.canonical import readable
from project.settings import load
from registry.experiment_events import (
    ArmComparison,
    Experiment,
    ExperimentResult,
    end_experiment,
    experiments,
    find_experiment,
    open_experiment,
)
from registry.reader import RegistryReader
from registry.store import Registry
from serving.experiments.opening import Metric, Mode, experiment_asked_for
from serving.experiments.sentences import current_result, figures_now, points, sentences, verdict_of
from serving.serving_settings import ServingParams

ExperimentNumber = Annotated[
    int, typer.Argument(min=1, max=LARGEST, help="The experiment's number, as `list` shows it.")
]
STYLES = {"harm": "bold red", "better": "bold green"}


def start(
    number: VersionNumber,
    mode: Annotated[
        Mode,
        typer.Option(
            help="shadow: answers beside the champion, seen by nobody; canary: a small share that "
            "ends at once when it hurts; ab: shares to learn from."
        ),
    ] = "canary",
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The share of users; in a shadow, of requests.")
    ] = 0.1,
    metric: Annotated[
        Metric, typer.Option(help="What users' feedback or outcomes must not get worse in.")
    ] = "rating",
    alpha: Annotated[
        float,
        typer.Option(
            help="The chance that equals ever end with a verdict, however often one looks."
        ),
    ] = 0.05,
    reason: Reason = "opened by hand",
) -> None:
    """Let a version that is not the champion answer some users.

    $ incumbent gateway experiment start v4 --mode canary --share 0.1
    """
    with Registry.here() as registry:
        version = registry.version(number)
        told = experiment_asked_for(
            registry,
            version,
            load(ServingParams),
            mode=mode,
            share=share,
            metric=metric,
            alpha=alpha,
        )
        opened = open_experiment(registry, number, told, reason)
    console.print(f"experiment {opened.number} is open: {purpose(opened)}")
    say(
        "running gateways follow within seconds; "
        f"`incumbent gateway experiment show {opened.number}` tells how it stands"
    )


def purpose(experiment: Experiment) -> str:
    told = experiment.told
    pair, share = f"v{experiment.version} against {against(experiment)}", share_text(experiment)
    if told.mode == "shadow":
        return f"{pair}, beside it for {share} of the requests, seen by nobody"
    return f"{pair}, for {share} of the users, judged by {told.metric}"


def against(experiment: Experiment) -> str:
    champion = experiment.told.champion
    return f"v{champion}" if champion else "the bare base"


def share_text(experiment: Experiment) -> str:
    return f"{100 * experiment.share:.3g}%"


def print_list(as_json: Json = False) -> None:
    """List the experiments, the newest first.

    $ incumbent gateway experiment list
    """
    with RegistryReader.here() as registry:
        listed = experiments(registry)
    if as_json:
        print_json([summary(experiment) for experiment in listed])
    elif not listed:
        console.print("no experiments: `incumbent gateway experiment start V` opens one")
    else:
        columns = (">number", "version", "against", "mode", ">share", "metric", "since", "verdict")
        print_table(columns, map(line, listed))


def line(experiment: Experiment) -> tuple[str | Text, ...]:
    verdict = experiment.end.verdict if experiment.end else "running"
    return (
        str(experiment.number),
        f"v{experiment.version}",
        against(experiment),
        experiment.told.mode,
        share_text(experiment),
        "" if experiment.told.mode == "shadow" else experiment.told.metric,
        readable(experiment.opened.at),
        Text(verdict, STYLES.get(verdict, "")),
    )


def print_one(number: ExperimentNumber, as_json: Json = False) -> None:
    """Show how an experiment stands.

    $ incumbent gateway experiment show 1
    """
    with RegistryReader.here() as registry:
        experiment = find_experiment(registry, number)
        result = current_result(registry, experiment)
    told = list(sentences(experiment, result))
    if as_json:
        fields = {"verdict": verdict_of(experiment, result), "result": result}
        print_json(summary(experiment) | fields | {"conclusions": told})
        return
    state = experiment.end.verdict if experiment.end else "running"
    console.print(
        Text.assemble(
            (f"experiment {number}", "bold"), f" · {state} · since {readable(experiment.opened.at)}"
        )
    )
    console.print(purpose(experiment))
    for sentence in told:
        console.print(sentence)
    console.print()
    columns = ("", ">champion", ">challenger", "difference, points", ">worse: E", ">enough")
    print_table(columns, figure_lines(result))


def figure_lines(result: ExperimentResult) -> Iterator[tuple[str, ...]]:
    users = result.users
    yield ("users", f"{users.champion:,.0f}", f"{users.challenger:,.0f}", "", "", "")
    for comparison in result.comparisons:
        yield figure_line(comparison)


def figure_line(arms: ArmComparison) -> tuple[str, ...]:
    """Means with the number of users that they are of."""
    return (
        arms.name,
        f"{arms.means.champion:.1%} of {arms.users.champion:,.0f}",
        f"{arms.means.challenger:.1%} of {arms.users.challenger:,.0f}",
        difference_text(arms),
        e_text(arms.harm),
        f"{arms.harm_needed:,.0f}",
    )


def difference_text(arms: ArmComparison) -> str:
    if not (arms.users.champion and arms.users.challenger):
        return "not known"
    low, high = arms.interval
    return f"{points(arms.difference)} ({points(low)} … {points(high)})"


def e_text(value: float) -> str:
    return f"{value:,.1f}" if value < 10_000 else f"{value:.0e}"


def summary(experiment: Experiment) -> dict[str, Any]:
    return {
        "number": experiment.number,
        "version": experiment.version,
        "opened": experiment.opened,
        "ended": experiment.ended,
    }


def stop(number: ExperimentNumber, reason: Reason = "stopped by hand") -> None:
    """End an experiment: its users get the champion again.

    $ incumbent gateway experiment stop 1
    """
    with Registry.here() as registry:
        registry.roles.require("promote", registry.actor)
        experiment = find_experiment(registry, number)
        if experiment.ended is None:
            result = figures_now(registry, experiment)
            experiment = end_experiment(registry, experiment, "stopped", result, reason)
    verdict = experiment.end.verdict if experiment.end else "stopped"
    console.print(f"experiment {number} has ended: {verdict}; its users get the champion again")
