"""Public suites: lm-eval's samples of two systems become one score table that can be weighed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation.scoring.public_suites import (
    Suites,
    SuiteSample,
    ask,
    by_document,
    load_tasks,
    paired,
    sample_of,
)
from evaluation.scoring.score_table import read_score_table
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.model_pins import ModelChoice, pin
from project.paths import ADAPTER, ADAPTER_FILES, BASE, CHAMPION
from project.records.adapters import Adapter, Contestant, Opponent

pytestmark = pytest.mark.usefixtures("warm")


def sample(item: str, asked: str = "a" * 64, **metrics: float) -> SuiteSample:
    return SuiteSample(item=item, task=item.split("/")[0], asked=asked, metrics=metrics)


def entry(document: int, filter_: str = "none", **metrics: Any) -> dict[str, Any]:
    hashes = {"doc_hash": "d", "prompt_hash": "p", "target_hash": "t"}
    about = {"doc_id": document, "filter": filter_, "metrics": list(metrics)}
    return hashes | about | metrics


# --- what lm-eval measured -----------------------------------------------------------------------


def test_an_item_has_the_metrics_of_all_filters_under_lm_evals_names() -> None:
    first = entry(4, "strict-match", exact_match=0.0)
    (entries,) = by_document([first, entry(4, "flexible-extract", exact_match=1.0)])
    made = sample_of("gsm8k", entries, {"exact_match"})
    assert made.item == "gsm8k/4"
    assert made.metrics == {"exact_match,strict-match": 0.0, "exact_match,flexible-extract": 1.0}


def test_metrics_of_which_less_is_better_or_that_are_no_numbers_are_left_out() -> None:
    made = sample_of("t", [entry(0, acc=1.0, loss=3.0, f1=(1, 0))], better={"acc", "f1"})
    assert made.metrics == {"acc": 1.0}


def test_documents_come_in_their_order_whatever_the_order_of_filters() -> None:
    found = by_document([entry(2), entry(0), entry(2, "x"), entry(0, "x")])
    assert [[e["doc_id"] for e in entries] for entries in found] == [[0, 0], [2, 2]]


def test_another_document_or_target_is_another_question_another_chat_template_is_not() -> None:
    asked = {
        sample_of("t", [entry(0, acc=1.0) | other], {"acc"}).asked
        for other in ({}, {"prompt_hash": "q"}, {"target_hash": "u"}, {"doc_hash": "e"})
    }
    assert len(asked) == 3


def test_a_metric_that_is_no_finite_number_stops_the_run_with_its_item() -> None:
    with pytest.raises(IncumbentError, match="t/7: acc is nan"):
        sample_of("t", [entry(7, acc=float("nan"))], {"acc"})


# --- two sides -----------------------------------------------------------------------------------


def test_two_sides_make_a_table_with_a_slice_for_each_task() -> None:
    champion = [sample("arc/0", acc=1.0, acc_norm=0.0), sample("piqa/0", acc=0.0, acc_norm=1.0)]
    challenger = [sample("arc/0", acc=0.0, acc_norm=0.0), sample("piqa/0", acc=1.0, acc_norm=0.0)]
    one, two = paired(champion, challenger)
    assert (one.item, one.slices) == ("arc/0", ("suite=arc",))
    assert (one.champion, one.challenger) == ({"acc": 1.0}, {"acc": 0.0})
    assert (two.champion, two.challenger) == ({"acc": 0.0}, {"acc": 1.0})
    assert paired(champion, challenger, "acc_norm")[1].champion == {"acc_norm": 1.0}


def test_without_a_wish_the_first_metric_that_all_tasks_have_is_taken() -> None:
    side = [sample("a/0", f1=1.0, acc=1.0), sample("b/0", acc=0.0)]
    assert [item.champion for item in paired(side, side)] == [{"acc": 1.0}, {"acc": 0.0}]


@pytest.mark.parametrize(("wanted", "problem"), [(None, "share no metric"), ("f1", "'f1'")])
def test_a_metric_that_some_items_lack_is_refused_with_what_there_is(
    wanted: str | None, problem: str
) -> None:
    side = [sample("a/0", f1=1.0), sample("b/0", acc=0.0)]
    with pytest.raises(InputError, match=rf"^metric: .*{problem}.*\(a: f1; b: acc\)"):
        paired(side, side, wanted)


@pytest.mark.parametrize(
    "other", [[sample("a/1", acc=1.0)], [sample("a/0", "b" * 64, acc=1.0)], []]
)
def test_sides_that_were_asked_something_else_are_refused(other: list[SuiteSample]) -> None:
    with pytest.raises(InputError, match="not asked the same"):
        paired([sample("a/0", acc=1.0)], other)


def test_tasks_without_items_are_refused() -> None:
    with pytest.raises(InputError, match="hold no items"):
        paired([], [])


def test_where_lm_eval_is_missing_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(InputError, match=r"pip install 'incumbent\[lm-eval\]"):
        ask(Path("base"), None, Suites(tasks=("arc_easy",)), "float32")


# --- with lm-eval itself -------------------------------------------------------------------------

CAPITALS = {
    "France": "Paris",
    "Japan": "Tokyo",
    "Italy": "Rome",
    "Russia": "Moscow",
    "England": "London",
    "Germany": "Berlin",
    "Egypt": "Cairo",
    "Spain": "Madrid",
}
TASK = {
    "task": "capitals",
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "What is the capital of {{country}}?",
    "doc_to_choice": "{{options}}",
    "doc_to_target": "right",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tasks for lm-eval. `capitals`: questions with two answers to choose from;
    `absent`: the same without its data.
    """
    pytest.importorskip("lm_eval", reason="lm-eval is an optional extra, and not installed")
    folder = tmp_path_factory.mktemp("tasks")
    data = folder / "capitals.jsonl"
    lines = [
        {"country": country, "options": ["Lemon", city], "right": 1}
        for country, city in CAPITALS.items()
    ]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, file in (("capitals", data), ("absent", folder / "absent.jsonl")):
        own = {"task": name, "dataset_kwargs": {"data_files": {"test": str(file)}}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(TASK | own))
    return folder


@pytest.mark.slow
def test_an_unknown_task_is_refused_with_its_neighbours(tasks: Path) -> None:
    with pytest.raises(InputError, match=r"no task 'capitalz'; .*capitals"):
        load_tasks(Suites(tasks=("capitalz",), include=tasks))


@pytest.mark.slow
def test_a_task_without_its_data_is_refused_by_name(tasks: Path) -> None:
    with pytest.raises(InputError, match="cannot load task 'absent'"):
        load_tasks(Suites(tasks=("absent",), include=tasks))


@pytest.mark.slow
def test_a_folder_of_tasks_that_is_not_there_is_refused(tasks: Path) -> None:
    with pytest.raises(InputError, match="nowhere: is no folder"):
        load_tasks(Suites(tasks=("capitals",), include=Path("nowhere")))


@pytest.fixture
def outputs(base_model: Path) -> None:
    """What the stages leave: a pinned base, no champion, and an adapter that babbles."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32)
    noise = LoraConfig(r=4, lora_alpha=64, target_modules=["q_proj", "down_proj"])
    noise.init_lora_weights = False
    get_peft_model(model, noise).save_pretrained(ADAPTER_FILES)
    base = pin(ModelChoice(model=str(base_model)), "base")
    files = digest_folder(ADAPTER_FILES)
    base.write(BASE)
    Opponent(contestant=Contestant(base=base)).write(CHAMPION)
    Adapter(files=files, base=base, recipe="1" * 64, dataset="2" * 64).write(ADAPTER)
    Path("params.yaml").write_text("registry:\n  family: test\n")


@pytest.mark.slow
@pytest.mark.usefixtures("outputs")
def test_a_suite_runs_on_both_sides_and_its_table_can_be_weighed(tasks: Path) -> None:
    def incumbent(*arguments: str) -> str:
        command = [Path(sys.executable).with_name("incumbent"), *arguments]
        private = {"HF_HOME": str(tasks / "cache"), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, env=os.environ | private, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed = incumbent(
        "judge", "suites", "capitals", "--include", str(tasks), "--to", "scores.jsonl"
    )
    items = read_score_table(Path("scores.jsonl")).items
    assert [item.item for item in items] == [f"capitals/{i}" for i in range(len(CAPITALS))]
    assert {item.slices for item in items} == {("suite=capitals",)}
    assert [item.champion for item in items] == [{"acc": 1.0}] * len(CAPITALS)
    assert sum(item.challenger["acc"] for item in items) < len(CAPITALS)
    assert "capitals" in printed
    assert json.loads(incumbent("decide", "--scores", "scores.jsonl", "--json"))["metrics"]["acc"]
