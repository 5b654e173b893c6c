"""Serving: the gateway, what it routes to, and experiments on it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from incumbent.options import LARGEST, Json, Reason, VersionNumber

experiment = typer.Typer(no_args_is_help=True, help="A challenger on a share of the traffic.")
Seconds = Annotated[float, typer.Option(min=0, help="How long to wait for every replica.")]
ExperimentNumber = Annotated[int, typer.Argument(min=1, max=LARGEST, help="As `list` has it.")]


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="Another one than this machine needs keys.")] = (
        "127.0.0.1"
    ),
    without_keys: Annotated[
        bool,
        typer.Option(
            "--without-keys",
            help="Answer whoever connects from this machine, people behind a proxy on it too.",
        ),
    ] = False,
    open_metrics: Annotated[
        bool,
        typer.Option(
            "--open-metrics", help="The same for /metrics alone, which names all callers."
        ),
    ] = False,
    add_key: Annotated[
        str | None,
        typer.Option(metavar="CALLER", help="Make a key for a caller instead, and print it once."),
    ] = None,
) -> None:
    """Serve the champion behind OpenAI's API; needs the serve extra."""
    from incumbent.verbs import serve as verb

    if add_key is not None:
        verb.add_key(add_key)
    else:
        verb.serve(host, port, without_keys=without_keys, open_metrics=open_metrics)


def deploy(number: VersionNumber, timeout: Seconds = 300.0, json: Json = False) -> None:
    """Bring the champion to every replica now, and wait until the traffic has moved to it."""
    from incumbent.verbs.deploy import deploy_version

    deploy_version(number, timeout, as_json=json)


def deployments(json: Json = False) -> None:
    """List which version answered since when, and what could not be deployed."""
    from incumbent.verbs.deployments import print_deployments

    print_deployments(as_json=json)


def serve_report(
    items: Annotated[int, typer.Option(min=2, max=LARGEST, help="Dev items at most.")] = 100,
    to: Annotated[Path | None, typer.Option(help="An HTML file to write it to as well.")] = None,
    json: Json = False,
) -> None:
    """Compare what an answer of the champion costs with a few-shot prompt on the base."""
    from incumbent.verbs.serve_report import report_costs

    report_costs(items, to, as_json=json)


@experiment.command("start")
def start_experiment(
    number: VersionNumber,
    mode: Annotated[
        Literal["shadow", "canary", "ab"],
        typer.Option(
            help="shadow: answers beside the champion, seen by nobody; canary: a small share that "
            "ends at once when it hurts; ab: shares to learn from."
        ),
    ] = "canary",
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of users; of requests in a shadow.")
    ] = 0.1,
    metric: Annotated[
        Literal["rating", "escalated", "resolved", "satisfaction"],
        typer.Option(help="What users' feedback or outcomes must not get worse in."),
    ] = "rating",
    alpha: Annotated[
        float,
        typer.Option(
            help="The chance that equals ever end with a verdict, however often one looks."
        ),
    ] = 0.05,
    reason: Reason = "opened by hand",
) -> None:
    """Let a version that is not the champion answer some users."""
    from incumbent.verbs.experiment import start

    start(number, mode, share, metric, alpha, reason)


@experiment.command("list")
def list_experiments(json: Json = False) -> None:
    """List the experiments, the newest first."""
    from incumbent.verbs.experiment import print_list

    print_list(as_json=json)


@experiment.command("show")
def show_experiment(number: ExperimentNumber, json: Json = False) -> None:
    """Show how an experiment stands."""
    from incumbent.verbs.experiment import print_one

    print_one(number, as_json=json)


@experiment.command("stop")
def stop_experiment(number: ExperimentNumber, reason: Reason = "stopped by hand") -> None:
    """End an experiment: its users get the champion again."""
    from incumbent.verbs.experiment import stop

    stop(number, reason)
