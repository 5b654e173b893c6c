"""A version is one run of Weights & Biases: what it writes offline, read from its own file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.mirroring.tracker_process import ID, offline_runs, tell_wandb
from tests.incumbent.mirroring.test_mlflow_mirror import VERSION

pytestmark = pytest.mark.slow
SHORT = VERSION.model_copy(update={"curves": {"dpo/loss": VERSION.curves["dpo/loss"]}})
BLOCK, HEADER = 32768, 7  # of a file of records, as LevelDB writes its log


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


def records(file: Path) -> Iterator[Any]:
    """W&B's own messages: a header of the file, then checksum, length and kind before each part."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = file.read_bytes(), HEADER, b""
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def items(found: list[Any]) -> dict[str, str]:
    return {item.key or "/".join(item.nested_key): item.value_json for item in found}


def told(folder: Path) -> tuple[Any, dict[str, str], list[dict[str, str]]]:
    """The run, its summary, and the lines of its history."""
    every = list(records(next(folder.glob("*.wandb"))))
    run = next(one.run for one in every if one.HasField("run"))
    summary: dict[str, str] = {}
    for one in every:
        summary |= items(list(one.summary.update))
    return run, summary, [items(list(one.history.item)) for one in every if one.HasField("history")]


def test_a_version_is_a_run_under_an_id_of_its_own_with_curves_once(tmp_path: Path) -> None:
    where = tell_wandb(SHORT, "<p>figures</p>")
    (folder,) = offline_runs(SHORT)
    assert folder.resolve().as_posix() in where
    run, summary, history = told(folder)
    assert (run.run_id, run.display_name, run.project) == (SHORT.key[:ID], "bank v3", "bank")
    assert run.notes == SHORT.summary
    assert (summary["dev/rougeL"], summary["stage"]) == ("0.4", '"challenger"')
    assert [(line["dpo/step"], line["dpo/loss"]) for line in history] == [
        ("1", "0.7"),
        ("2", "0.6"),
    ]
    assert (folder / "files" / "report.html").read_text() == "<p>figures</p>"
    assert not (folder / "files" / "requirements.txt").exists()
    assert run.host == "incumbent" and not run.HasField("git")

    tell_wandb(SHORT.model_copy(update={"tags": {"stage": "champion"}}), None)
    again = next(one for one in offline_runs(SHORT) if one != folder)
    run, summary, history = told(again)
    assert (run.run_id, summary["stage"], history) == (SHORT.key[:ID], '"champion"', [])
