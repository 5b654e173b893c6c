"""A hosted model, or the base under a prompt, as champion and as challenger, with real files."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from project.canonical import digest_folder
from project.errors import InputError
from project.files import home
from project.paths import CURATED, DATASET, rows_of
from project.records.data import DatasetVersion, Split
from project.records.events import LookTaken
from tests.incumbent.reproducible_project import run
from tests.incumbent.setting_effects.effect import put
from tests.incumbent.test_another_base import (
    OPENING,
    history,
    incumbent,
    models,
    project,
    reproduce,
    settings,
)
from tests.judge_server import Asked, Reply, judge_server

__all__ = ["models", "project"]

pytestmark = pytest.mark.slow

ADD = ("registry", "add-contestant", "--hosted", "vendor-1", "--send-sealed", "--yes")


def vendor(asked: Asked) -> Reply:
    """Answers alike to everything, as the model that it is asked for, and counts tokens."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2}
    return Reply("please ask", fields={"model": "vendor-1-2026-01-01", "usage": usage})


def chosen(**params: object) -> None:
    told = yaml.safe_load(Path("params.yaml").read_text())
    for name, value in params.items():
        put(told, name.replace("__", "."), value)
    Path("params.yaml").write_text(yaml.safe_dump(told))


def test_a_hosted_champion_is_beaten_when_its_server_is_gone(project: Path) -> None:
    reproduce()  # perplexity is among its metrics, which no hosted model tells
    with judge_server(vendor) as server:
        incumbent(*ADD, "--url", server.url, "--as", "champion")
    reproduce()  # nobody answers there any more
    told = incumbent("submit", "--promote")
    assert f"the champion stands on vendor-1 at {server.url}" in told
    assert "bank v2: PROMOTE" in told

    assert f"as long as {server.url} serves vendor-1" in incumbent("rollback")
    verified = incumbent("registry", "verify")
    assert "1 decision made again" in verified
    assert "bank v1, the hosted model vendor-1" in verified and "is not proven" in verified
    with pytest.raises(InputError, match="has no adapter to write merged"):
        incumbent("registry", "export", "1", "--to", "v1", "--merged")
    assert "bank v1, without an adapter," in incumbent("registry", "export", "1", "--to", "v1")
    assert "library_name: peft" not in Path("v1/README.md").read_text()
    incumbent("registry", "dossier", "1", "--to", "v1.json")
    assert "made elsewhere" not in Path("v1.json").read_text()
    costs = json.loads(incumbent("gateway", "cost-report", "--json"))["systems"]
    assert costs[0]["seconds"] is None and costs[0]["answer"] != costs[1]["answer"]
    assert {file.name for file in Path("v1").iterdir()} == {
        "README.md",
        "contestant.json",
        "dev-answers.jsonl",
    }

    incumbent("registry", "backup", "--to", "copy.tar")
    shutil.rmtree(home() / "registry")
    shutil.rmtree(home() / "adapters")
    incumbent("registry", "restore", "copy.tar")
    settings(project / "llama", seed=1)
    chosen(evaluation__scoring__metrics=["rouge"])
    reproduce()
    told = incumbent("submit", "--promote")
    assert "bank v3: HOLD (look 2" in told  # with few items, at a low level


def test_the_bare_base_under_a_prompt_wins_at_one_look(project: Path) -> None:
    settings(project / "mistral")
    chosen(evaluation__scoring__metrics=["rouge"])
    reproduce()
    Path("prompt.txt").write_text("our about\n")
    added = incumbent("registry", "add-contestant", "--system-prompt", "prompt.txt")
    assert "bank v1: the bare base" in added and "under a system prompt" in added
    judged = run("incumbent", "registry", "reevaluate", "1", "--promote")
    assert "bank v1: PROMOTE (look 1" in judged.stdout

    again = incumbent("registry", "add-contestant", "--system-prompt", "prompt.txt")
    assert "bank v1 was registered before" in again
    assert [event.told(LookTaken).opening for event in history("open")] == [1]
    reproduce()
    assert "the champion" in incumbent("submit")


def test_a_hosted_challenger_takes_the_seat_from_an_adapter(project: Path) -> None:
    chosen(evaluation__scoring__metrics=["rouge"])
    reproduce()
    assert "bank v1: PROMOTE" in incumbent("submit", "--promote")
    with judge_server(lambda _: Reply(OPENING, fields={"model": "vendor-2"})) as server:
        more = ("--url", server.url, "--send-sealed", "--yes")
        added = incumbent("registry", "add-contestant", "--hosted", "vendor-2", *more)
    assert "incumbent registry reevaluate 2" in added
    judged = run("incumbent", "registry", "reevaluate", "2", "--promote").stdout
    assert "bank v2: PROMOTE" in judged
    assert f"the challenger on vendor-2 at {server.url}" in judged

    incumbent("registry", "dossier", "2", "--to", "v2.html")
    assert "vendor-2" in Path("v2.html").read_text()
    opened = incumbent("gateway", "experiment", "start", "1", "--share", "0.1")
    assert "v2" in opened
    reproduce()  # from the base, for the champion has no adapter
    assert "against champion v2" in incumbent("submit")


def test_items_that_came_later_are_left_out_on_record(project: Path) -> None:
    chosen(evaluation__scoring__metrics=["rouge"])
    reproduce()
    kept = {part: rows_of(part).read_bytes() for part in (Split.DEV, Split.SEALED)}
    for part, count in ((Split.DEV, 3), (Split.SEALED, 4)):
        lines = kept[part].splitlines(keepends=True)
        rows_of(part).write_bytes(b"".join(lines[count:]))
    with pytest.raises(InputError, match="other rows than passed the gate"):
        incumbent(*ADD)
    passed = DatasetVersion.read(DATASET)
    passed.model_copy(update={"rows": digest_folder(CURATED)}).write(DATASET)
    with judge_server(vendor) as server:
        incumbent(*ADD, "--url", server.url, "--as", "champion")
    for part, data in kept.items():
        rows_of(part).write_bytes(data)
    reproduce()
    incumbent("submit")
    shown = json.loads(incumbent("registry", "show", "2", "--json"))
    assert shown["evidence"]["left_out"] == {"dev": 3, "sealed": 4}
    assert shown["evidence"]["sealed"]["rougeL"]["n"] == 24

    costs = json.loads(incumbent("gateway", "cost-report", "--json"))["systems"]
    assert [one["quality"]["rougeL"]["items"] for one in costs] == [20, 20]

    chosen(evaluation__decoding__max_new_tokens=12)
    with pytest.raises(InputError, match=r"23 of 23 items were not asked.*add the model again"):
        reproduce()
