"""A version is one run of a real MLflow server, however often it is told."""

from typing import Any

import pytest

from incumbent.mirroring.mirrored_version import CurvePoint, MirroredVersion
from incumbent.mirroring.tracker_process import tell_mlflow

pytestmark = pytest.mark.slow

VERSION = MirroredVersion(
    registry="a" * 64,
    family="bank",
    number=3,
    submitted="2026-01-31T12:00:00.000Z",
    settings={"sft.epochs": "1", "base": "a-base"},
    curves={
        "sft/loss": tuple(CurvePoint(step=step, value=3 - step / 1000) for step in range(1, 1201)),
        "dpo/loss": (CurvePoint(step=1, value=0.7), CurvePoint(step=2, value=0.6)),
    },
    scores={"dev/rougeL": 0.4, "dev/people:polite": 0.8},
    tags={"verdict": "PROMOTE", "stage": "challenger", "git_commit": "c" * 40},
    summary="**PROMOTE** against v2",
)


@pytest.fixture(autouse=True)
def tracking(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)


def runs_of(family: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name(family)
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def test_a_version_is_a_run_with_curves_by_step_scores_settings_tags_and_the_report(
    server: str,
) -> None:
    from mlflow import MlflowClient

    where = tell_mlflow(VERSION, "<p>figures</p>")
    (run,) = runs_of("bank")
    client, name = MlflowClient(), run.info.run_id
    assert where == f"at {server}/#/experiments/{run.info.experiment_id}/runs/{name}"
    assert (run.info.run_name, run.info.status) == ("bank v3", "FINISHED")
    assert run.data.params == VERSION.settings
    assert run.data.metrics["dev/people_polite"] == 0.8  # MLflow refuses a colon
    assert run.data.tags["mlflow.note.content"] == "**PROMOTE** against v2"
    assert run.data.tags["mlflow.source.git.commit"] == "c" * 40
    curve = client.get_metric_history(name, "dpo/loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.7), (2, 0.6)]
    assert len(client.get_metric_history(name, "sft/loss")) == 1200  # more than go at once
    assert [file.path for file in client.list_artifacts(name)] == ["report.html"]


def test_the_same_version_again_is_the_same_run_brought_up_to_date() -> None:
    from mlflow import MlflowClient

    tell_mlflow(VERSION, None)
    moved = {"scores": {"dev/rougeL": 0.3}, "tags": {**VERSION.tags, "stage": "champion"}}
    assert tell_mlflow(VERSION, None) == tell_mlflow(VERSION.model_copy(update=moved), None)
    (run,) = runs_of("bank")
    assert run.data.tags["stage"] == "champion"
    assert run.data.metrics["dev/rougeL"] == 0.3  # the newest, though it is smaller
    points = MlflowClient().get_metric_history(run.info.run_id, "dpo/loss")
    assert len(points) == 2


def test_the_experiment_is_that_of_mlflows_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "everything")
    tell_mlflow(VERSION, None)
    assert [run.info.run_name for run in runs_of("everything")] == ["bank v3"]
