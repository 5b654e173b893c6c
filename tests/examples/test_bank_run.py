"""The stories of examples/bank: where they lie, what their recipes are, and how they go on."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from examples.bank import closed_book, grounded
from examples.bank.closed_book import Bank, of_the_brief, of_the_project
from examples.bank.dealing import Dealt
from examples.bank.facts import HERE
from examples.bank.measures import METRICS, Item, System, write_systems
from examples.bank.run import main, parsed
from examples.bank.steps import bring_in_lines, read_step
from tests.conftest import ROOT

SCORES = dict.fromkeys(METRICS, 0.5)
ITEM = Item("one", "loan", "trained", "an answer", SCORES, [])
SYSTEM = System("one", [ITEM], tokens=1.0, prompt_tokens=1.0, seconds=None)
BANK = Bank(Dealt([], []), {})
DECIDED = {"verdict": "PROMOTE", "sealed": {"reasons": []}}
LEARNT = {"loss_before": 1.0, "loss_after": 0.5}
TERMS = {"before": {"n": 4, "right": 1, "logprob": -2.0}}
RESULTS: dict[str, dict[str, Any]] = {
    "domain_alone": {"step": LEARNT, "terms": TERMS},
    "first_round": {},
    "submitted": DECIDED,
    "bad_answers": {"bad": [], "rows": 0},
    "after_bad_answers": {"bad": [], "rows": 0, "sisters": {}},
    "control": {},
    "closed_book": {},
    "served": {"asked": 2, "evidence named": 2, "labels": 1, "nights": []},
    "third_round": {},
}


PARTS = ("domain", "first-round", "control", "second-round", "closed-book", "third-round")


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that a story takes, in a folder of its own; each gives its result at once."""
    taken: list[str] = []
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    for part in PARTS:
        write_systems(Path(f"results/systems-{part}.json"), [SYSTEM])

    def quick(name: str, result: dict[str, Any]) -> Any:
        def work(*_: Any, **__: Any) -> dict[str, Any]:
            taken.append(name)
            return dict(result)

        return work

    for story in (closed_book, grounded):
        for name, result in RESULTS.items():
            monkeypatch.setattr(story, name, quick(name, result), raising=False)
    return taken


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_the_story_in_small_is_told_to_its_end(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `make bank-brief` does, but on a small base: every stage, and too few items to win."""
    small = grounded.SMALL | {"base": {"model": str(tiny_base)}}
    monkeypatch.setattr(grounded, "SMALL", small)
    monkeypatch.setattr(sys, "argv", ["run", "--brief", "--to", str(tmp_path / "bank")])
    main()
    table = json.loads((tmp_path / "bank/results/table.json").read_bytes())
    assert [one["name"] for one in table["systems"]] == [
        "base + passages",
        "few-shot + passages",
        "round 1",
        "base + gold passage",
        "round 1 + gold passage",
        "round 2",
    ]
    assert set(table["verdicts"].values()) == {"HOLD, no look"}


def test_a_story_that_was_interrupted_behind_a_promotion_only_submits_again(
    done: list[str],
) -> None:
    closed_book.tell(BANK)
    assert done == [
        "domain_alone",
        "first_round",
        "submitted",
        "bad_answers",
        "after_bad_answers",
        "submitted",
    ]
    done.clear()
    Path("results/first-submission.json").unlink()
    Path("results/second-submission.json").unlink()
    closed_book.tell(BANK)
    assert done == ["submitted", "submitted"]


def test_the_bad_answers_are_the_first_rounds_and_the_control_learns_no_new_row(
    done: list[str],
) -> None:
    grounded.tell(grounded.Grounded(Dealt([], []), brief=False))
    assert done == [
        "first_round",
        "submitted",
        "bad_answers",
        "control",
        "after_bad_answers",
        "submitted",
        "closed_book",
        "served",
        "third_round",
        "submitted",
    ]


def test_reviewers_are_tried_before_the_first_run_of_the_closed_book(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first run asks how far they agree, and stops where no ballot tells."""
    taken: list[str] = []
    for name in ("make_project", "configure", "try_reviewers"):
        monkeypatch.setattr(grounded, name, lambda *_, name=name: taken.append(name))

    def first_run(*arguments: str) -> None:
        taken.append(arguments[0])
        raise SystemExit

    monkeypatch.setattr(grounded, "command", first_run)
    with pytest.raises(SystemExit):
        grounded.closed_book(grounded.Grounded(Dealt([], []), brief=True))
    assert taken.index("make_project") < taken.index("try_reviewers") < taken.index("run")


def test_the_time_of_every_step_is_told(done: list[str]) -> None:
    closed_book.tell(BANK)
    told = json.loads(Path("results/table.json").read_bytes())
    assert list(told["steps"]) == list(closed_book.STEPS)
    assert told["systems"][0] == asdict(SYSTEM)
    grounded.tell(grounded.Grounded(Dealt([], []), brief=False))
    told = json.loads(Path("results/table.json").read_bytes())
    assert list(told["steps"]) == list(grounded.STEPS)


def test_the_page_of_figures_has_the_table_that_the_story_left() -> None:
    left = (HERE / "table.md").read_text().splitlines()
    page = (ROOT / "docs/reference/figures.md").read_text()
    table = [line for line in left if line.startswith("|")]
    assert len(table) > 10
    assert not [line for line in table if line not in page]


def test_a_step_that_was_not_done_has_no_result() -> None:
    with pytest.raises(FileNotFoundError):
        read_step("a step that nobody took")


def test_each_story_has_a_folder_of_its_own_and_another_one_where_it_is_asked_for() -> None:
    assert parsed([]).to.name == "bank"
    assert parsed(["--brief"]).to.name == "bank-brief"
    assert parsed(["--closed-book"]).to.name == "bank-closed-book"
    assert parsed(["--brief", "--to", "there"]).to == Path("there")


def test_the_briefs_rows_are_learnt_as_its_recipe_says_and_other_rows_as_the_project_says() -> None:
    sft = of_the_brief()["training.sft"]
    assert sft == {"epochs": 3, "learning_rate": 2e-5, "batch_size": 4}
    assert of_the_brief()["training.adapter"]["quantization"] == "nf4"
    assert of_the_project()["training.sft"].keys() == sft.keys()


def test_where_no_row_is_about_what_failed_none_is_brought_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bring_in_lines("second-round", [])
    assert capsys.readouterr().out == "second-round: there is nothing to bring in\n"
