"""`incumbent data forget` finds what the gateway wrote: chunks, feedback, and rows on their way."""

import json
import shutil
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from typer.testing import CliRunner

from incumbent.cli import app
from project.files import home
from project.records.data import Row
from project.records.record import write_records
from serving.traffic_log.spool import spool_folder
from serving.traffic_log.traffic_log import TrafficLog
from tests.conftest import ROOT
from tests.serving.traffic_log.exchanges import exchange, feedback, ids_in

NAME = "Jana Novotna"
FOLDER = "datasets/traffic"
URL = "memory://bucket/traffic"
PARAMS = """
curation: {collect: {sources: [{kind: file, path: datasets/sources/rows.jsonl}]}}
monitoring: {traffic: {redact: false, folder: FOLDER}}
serving: {traffic: {seconds: 3600}}
"""


@pytest.fixture(autouse=True)
def project(isolate: Path) -> None:
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    row = Row.of("Why?", "Because.", group="a", source="rows.jsonl")
    write_records(Path("datasets/sources/rows.jsonl"), [row])
    use(FOLDER)


def use(folder: str) -> None:
    Path("params.yaml").write_text(PARAMS.replace("FOLDER", folder))


def forget(*options: str) -> str:
    done = CliRunner().invoke(app, ["data", "forget", *options, "--yes", "--reason", "asked"])
    assert done.exit_code == 0, done.output
    return done.output


def files_that_hold(text: str) -> list[str]:
    return [str(p) for p in Path().rglob("*") if p.is_file() and text in p.read_text("latin-1")]


def test_her_rows_leave_the_chunks_with_the_feedback_on_them() -> None:
    with TrafficLog.here() as log:
        log.answered(exchange("hers", text=f"Hello, {NAME}"))
        log.answered(exchange("other"))
        log.fed_back(feedback("hers", correction="Say Frau Doktor."), None)
        log.fed_back(feedback("other", correction="So."), None)
    forget("--match", NAME)
    assert ids_in(FOLDER) == ["other"]
    assert files_that_hold(NAME) == files_that_hold("Frau Doktor") == []
    assert len(files_that_hold("So.")) == 1


def test_a_correction_that_names_her_takes_its_request_along() -> None:
    with TrafficLog.here() as log:
        log.answered(exchange("hers"))
        log.answered(exchange("other"))
        log.fed_back(feedback("hers", correction=f"Dear {NAME}"), None)
    forget("--match", NAME)
    assert ids_in(FOLDER) == ["other"]
    assert files_that_hold(NAME) == []


def test_a_request_by_its_id_takes_its_feedback_along() -> None:
    with TrafficLog.here() as log:
        log.answered(exchange("hers"))
        log.fed_back(feedback("hers", correction="Frau Doktor"), None)
    forget("--id", "hers")
    assert ids_in(FOLDER) == files_that_hold("Frau Doktor") == []


def test_rows_in_the_spool_of_a_gateway_that_runs_are_cut_and_those_of_others_stay() -> None:
    with TrafficLog.here() as log:
        log.answered(exchange("hers", text=NAME))
        log.answered(exchange("other"))
        while log.written < 2:
            log.thread.join(0.01)
        assert [
            Path(path).resolve().is_relative_to(spool_folder()) for path in files_that_hold(NAME)
        ] == [True]
        forget("--match", NAME)
        assert files_that_hold(NAME) == []
        log.answered(exchange("later"))
    assert ids_in(FOLDER) == ["other", "later"]


def test_on_an_object_store_the_chunks_themselves_are_cut() -> None:
    MemoryFileSystem.store.clear()
    use(URL)
    with TrafficLog.here() as log:
        for name in ("hers", "other"):
            log.answered(exchange(name, text=NAME if name == "hers" else "That."))
    forget("--match", NAME)
    (stored,) = MemoryFileSystem.store.values()
    assert [json.loads(line)["id"] for line in stored.getvalue().splitlines()] == ["other"]
    assert ids_in(URL) == ["other"]
    assert not [path for path in home().rglob("*.jsonl") if NAME in path.read_text()]
