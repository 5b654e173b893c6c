"""Trackers are told by the verbs, and hold none of them up: real processes, and a real server."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from incumbent.mirroring import mirror as mirror_module
from incumbent.mirroring import tracker_process
from incumbent.mirroring.mirror import Untold, mirror, untold_of
from incumbent.mirroring.mirrored_version import MirroredVersion
from incumbent.verbs import submit
from project.errors import IncumbentError
from project.records.adapters import Adapter
from project.records.events import DecisionMade
from registry.store import Registry
from tests.registry.test_model_card import DATASET, decided

Make = Callable[[str], tuple[Adapter, Path]]
NOBODY = "http://ann:secret@127.0.0.1:9"  # the discard port, where nothing listens


@pytest.fixture(autouse=True)
def project(make_adapter: Make) -> None:
    """Two versions; nobody has decided on the second."""
    report_to("mlflow")
    with Registry.here() as registry:
        decided(registry, make_adapter)
        adapter, folder = make_adapter("b")
        adapter = adapter.model_copy(update={"dataset": DATASET.digest})
        registry.submit(adapter, folder, "made", DATASET)


def report_to(*trackers: str) -> None:
    listed = ", ".join(trackers)
    Path("params.yaml").write_text(
        f"registry: {{family: test}}\ntraining: {{report_to: [{listed}]}}\n"
    )


def test_the_verbs_that_move_the_champion_tell_of_whom_it_was_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int | None, ...]] = []
    monkeypatch.setattr(submit, "mirror", lambda *numbers: told.append(numbers))
    submit.promote_version(1, None, force=False)
    submit.promote_version(2, "by hand", force=True)
    submit.roll_back(None, "worse")
    submit.reject_version(2, "no")
    assert told == [(1, None), (2, 1), (1, 2), (2,)]


def test_who_names_no_tracker_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    report_to()
    mirror(1)
    assert capsys.readouterr() == ("", "")
    assert not untold_of("test", "mlflow").parent.exists()


def test_a_wrong_name_is_told_and_the_verb_stands(capsys: pytest.CaptureFixture[str]) -> None:
    report_to("mlflw")
    submit.promote_version(1, None, force=False)
    printed = capsys.readouterr()
    assert printed.out == "test v1 is the champion\n"
    assert printed.err.startswith("no tracker was told: params.yaml:2: training.report_to")


def test_a_version_whose_records_are_damaged_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []

    def tell_tracker(version: MirroredVersion, page: str | None) -> str:
        told.append(version.number)
        return "there"

    monkeypatch.setitem(tracker_process.TELL, "mlflow", tell_tracker)
    with Registry.here() as registry:
        decision = registry.history(kind="decide")[0].told(DecisionMade).decision
        registry.artifacts.blobs.delete(decision)
    with pytest.raises(IncumbentError, match=r"^v1 cannot be read: artifact "):
        tracker_process.tell("mlflow", [1, 2])
    assert told == [2]
    assert Untold.read(untold_of("test", "mlflow")).versions == (1,)


@pytest.mark.slow
def test_report_to_names_who_is_told_and_what_a_tracker_missed_comes_with_the_next_version(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setattr(mirror_module, "WAIT", 100.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOBODY)
    mirror(1)
    printed = capsys.readouterr()
    assert printed.out == "" and "secret" not in printed.err
    assert printed.err.startswith("mlflow was not told: ")
    assert json.loads(untold_of("test", "mlflow").read_bytes()) == {"versions": [1]}

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    mirror(2)
    assert capsys.readouterr().err.startswith(f"mlflow: test v1 and test v2 are at {server}/#/")
    assert not untold_of("test", "mlflow").exists()
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("test")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name: run.data.tags["stage"] for run in runs} == {
        "test v1": "challenger",
        "test v2": "challenger",
    }


@pytest.mark.slow
def test_a_tracker_that_hangs_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mirror_module, "WAIT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes a request, and says nothing
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        submit.promote_version(1, None, force=False)
        printed = capsys.readouterr()
    assert printed.out == "test v1 is the champion\n"
    assert printed.err.endswith("mlflow.log will say how it ended\n")
