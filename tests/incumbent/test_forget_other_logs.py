"""Traffic that other tools wrote: a person's rows leave it too, or a person is told where."""

import gzip
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monitoring.traffic.traffic_store import TrafficStore
from project.files import home
from project.records.data import Row
from project.records.record import write_records
from tests.conftest import ROOT
from tests.incumbent.tiny_project import printed_by

NAME = "Jana Novotna"
DAY = date(2026, 11, 24)
TRAFFIC = Path("datasets/traffic")
PARAMS = """
curation:
  collect:
    sources: [{kind: file, path: datasets/sources/rows.jsonl}]
"""


@pytest.fixture(autouse=True)
def project(isolate: Path, warm_dvc: None) -> None:
    Path("params.yaml").write_text(PARAMS)
    source = Row.of("question?", "answer", group="g", source="rows.jsonl")
    write_records(Path("datasets/sources/rows.jsonl"), [source])
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    TRAFFIC.mkdir(parents=True)


def forget(*options: str) -> str:
    return printed_by("data", "forget", *options, "--yes", "--reason", "she asked")


def ids_left() -> list[str]:
    store = TrafficStore(TRAFFIC, redact=False, quarantine=home() / "q")
    return [row.id for rows in store.read(DAY) for row in rows]


def row(name: str, prompt: str) -> dict[str, Any]:
    return {"id": name, "at": f"{DAY}T10:00:00Z", "prompt": prompt, "response": "r"}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def span(name: str, prompt: str) -> dict[str, Any]:
    return {
        "spanId": name,
        "startTimeUnixNano": "1795514400000000000",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.prompt", "value": {"stringValue": prompt}},
            {"key": "gen_ai.completion", "value": {"stringValue": "r"}},
        ],
    }


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


@pytest.mark.parametrize("name", [f"{DAY}.jsonl.gz", f"{DAY}/app.ndjson.gz", f"{DAY}-app.json.gz"])
def test_rows_are_cut_out_of_packed_files(name: str) -> None:
    path = TRAFFIC / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(lines(row("a", "hi"), row("b", f"I am {NAME}"))))
    forget("--match", NAME)
    assert ids_left() == ["a"]
    assert NAME.encode() not in gzip.decompress(path.read_bytes())


def test_a_torn_packed_file_that_names_her_is_told_of() -> None:
    path = TRAFFIC / f"{DAY}.jsonl.gz"
    others = [row(str(i), f"question {i * i}") for i in range(5_000)]
    path.write_bytes(gzip.compress(lines(row("a", f"I am {NAME}"), *others))[:-5_000])
    assert f"by hand: {path}" in forget("--match", NAME)


def test_a_file_that_nothing_reads_is_told_of() -> None:
    path = TRAFFIC / f"{DAY}.log"
    path.write_text(f"asked by {NAME}")
    assert f"by hand: {path}" in forget("--match", NAME)


def test_a_request_of_another_tool_is_found_by_its_id() -> None:
    spend = {
        "request_id": "req-1",
        "call_type": "acompletion",
        "startTime": f"{DAY} 10:00:00",
        "messages": [{"role": "user", "content": "hi"}],
        "response": "r",
    }
    path = TRAFFIC / f"{DAY}.jsonl"
    path.write_bytes(lines(otlp(span("eee1", "hi")), spend, otlp(span("eee2", "hi"))))
    assert ids_left() == ["eee1", "req-1", "eee2"]
    forget("--id", "eee1")
    assert ids_left() == ["req-1", "eee2"]
    forget("--id", "req-1")
    assert ids_left() == ["eee2"]
