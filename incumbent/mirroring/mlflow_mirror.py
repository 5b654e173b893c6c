"""A version as a run of MLflow: found again by a tag, so that it is never there twice."""

import os
import re
from collections.abc import Iterator, Sequence
from time import time
from typing import TYPE_CHECKING, TypeVar

from incumbent.mirroring.mirrored_version import MirroredVersion
from project.canonical import moment_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

KEY = "incumbent.version"  # the tag
# That MLflow's page shows runs with their curves, and not traces and prompts.
KIND = {"mlflow.experimentKind": "custom_model_development"}
BATCH, METRICS = 100, 1000  # what MLflow takes at once, of parameters or tags, and of points
LONGEST = 6000  # characters of a parameter
UNFIT = re.compile(r"[^\w./ -]")  # for a name; a colon is refused on Windows

T = TypeVar("T")


def tell_mlflow(version: MirroredVersion, page: str | None) -> str:
    """Write a version's run, or bring it up to date; returns where it is."""
    # Imported here because it takes seconds.
    from mlflow import MlflowClient, get_tracking_uri

    client = MlflowClient()
    experiment = experiment_of(client, version.family)
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{version.key}'", max_results=1)
    run = (found[0] if found else None) or begin_run(client, experiment, version)
    tell_settings(client, run, version)
    told = [*curve_points(version), *changed_scores(run, version)]
    for some in batches(told, METRICS):
        client.log_batch(run.info.run_id, metrics=some)
    if page:
        client.log_text(run.info.run_id, page, "report.html")
    client.set_terminated(run.info.run_id, "FINISHED", end_time=run.info.start_time)
    return address(get_tracking_uri(), run)


def experiment_of(client: "MlflowClient", family: str) -> str:
    """The experiment of MLflow's own variables, or one named after the family."""
    if chosen := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return chosen
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or family
    if known := client.get_experiment_by_name(name):
        return str(known.experiment_id)
    return str(client.create_experiment(name, tags=KIND))


def begin_run(client: "MlflowClient", experiment: str, version: MirroredVersion) -> "Run":
    tags = {KEY: version.key, "mlflow.source.name": "incumbent"}
    return client.create_run(experiment, milliseconds(version), tags, version.label)


def tell_settings(client: "MlflowClient", run: "Run", version: MirroredVersion) -> None:
    """Parameters, which MLflow never changes, and tags, which may have moved."""
    from mlflow.entities import Param, RunTag

    every = [
        Param(UNFIT.sub("_", name), value[:LONGEST]) for name, value in version.settings.items()
    ]
    new = [param for param in every if param.key not in run.data.params]
    # What MLflow itself shows of a run: a description, and the commit that it came from.
    shown = {"mlflow.note.content": version.summary} | version.tags
    if commit := version.tags.get("git_commit"):
        shown["mlflow.source.git.commit"] = commit
    tags_now = [RunTag(name, value) for name, value in shown.items()]
    for params in batches(new, BATCH):
        client.log_batch(run.info.run_id, params=params)
    for tags in batches(tags_now, BATCH):
        client.log_batch(run.info.run_id, tags=tags)


def curve_points(version: MirroredVersion) -> Iterator["Metric"]:
    """MLflow keeps one of equal points, so they bear a time that stays the same."""
    from mlflow.entities import Metric

    for name, points in version.curves.items():
        for point in points:
            yield Metric(UNFIT.sub("_", name), point.value, milliseconds(version), point.step)


def changed_scores(run: "Run", version: MirroredVersion) -> Iterator["Metric"]:
    """Those that the run has not yet; the newest of several is the one that MLflow shows."""
    from mlflow.entities import Metric

    now = int(time() * 1000)
    for name, value in version.scores.items():
        key = UNFIT.sub("_", name)
        if run.data.metrics.get(key) != value:
            yield Metric(key, value, now, 0)


def milliseconds(version: MirroredVersion) -> int:
    return int(moment_of(version.submitted).timestamp() * 1000)


def batches(told: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (told[at : at + size] for at in range(0, len(told), size))


def address(server: str, run: "Run") -> str:
    """Where people look at it: a page of the server, or the database that `mlflow ui` shows."""
    if not server.startswith("http"):
        return f"in {server}"
    ids = f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    return f"at {server.rstrip('/')}/#/{ids}"
