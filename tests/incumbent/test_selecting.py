"""Which rows may be selected, by how much they beat random ones, and what is said of it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from curation.selected_rows import Selection
from evaluation.decision.statistics import bounds, paired
from evaluation.scoring.scorers import Scores
from incumbent.searching.compare_on_dev import with_draws
from incumbent.searching.pace import draw_rows, read_candidates
from incumbent.searching.rank_rows import AgainstRandom, against_random
from project import paths
from project.canonical import digest_folder
from project.errors import InputError
from project.records.data import DatasetVersion, Row, Split, TokenCount
from project.records.record import write_records
from tests.conftest import READ_BY_LIBRARIES
from tests.incumbent.setting_effects.models import lay_out_tiny
from tests.incumbent.tiny_project import called

pytestmark = pytest.mark.usefixtures("warm")

ITEMS = [Row.of(f"q{i}", f"a{i}", group=f"g{i // 2}", source="s") for i in range(20)]
RNG = np.random.default_rng(0)


def scores(values: Sequence[float], **more: Sequence[float]) -> Scores:
    return Scores(values={name: tuple(v) for name, v in {"rougeL": values, **more}.items()})


def outcome(shift: float, draws: int = 1, spread: float = 0.1, **fields: Any) -> AgainstRandom:
    """A comparison whose selected side is better by `shift`."""
    random = [RNG.uniform(0.3, 0.5, size=20) for _ in range(draws)]
    selected = np.mean(random, axis=0) + shift + RNG.normal(scale=spread / 100, size=20)
    found = against_random(
        ITEMS, scores(selected), list(map(scores, random)), {"rougeL": "more"}, 0.05
    )
    made = AgainstRandom(
        selection="s" * 64,
        rows=150,
        kept=0,
        items=20,
        clusters=10,
        level=0.9,
        seeds=tuple(range(draws)),
        judged_by=("rougeL",),
        metrics=found,
    )
    return made.model_copy(update=fields)


# --- the difference -------------------------------------------------------------------------------


def test_one_draw_has_the_clustered_interval_of_a_decision() -> None:
    selected, random = RNG.uniform(size=20), RNG.uniform(size=20)
    found = against_random(ITEMS, scores(selected), [scores(random)], {"rougeL": "more"}, 0.05)
    own = paired(selected - random, [row.group for row in ITEMS])
    assert (found["rougeL"].low, found["rougeL"].high) == bounds(own.diff, own.se, own.df, 0.05)
    assert found["rougeL"].draws == pytest.approx((own.diff,))


def test_where_less_is_better_less_wins_and_what_has_no_better_way_is_left_out() -> None:
    found = against_random(
        ITEMS,
        scores([0.5] * 20, perplexity=[10 + i / 99 for i in range(20)], length=[1.0] * 20),
        [scores([0.5] * 20, perplexity=[20.0] * 20, length=[2.0] * 20)],
        {"rougeL": "more", "perplexity": "less", "length": "neither"},
        0.05,
    )
    assert found.keys() == {"rougeL", "perplexity"}
    assert found["perplexity"].low > 0
    assert not found["rougeL"].low > 0  # equal differences say nothing


def test_several_draws_widen_the_interval_by_what_they_differ() -> None:
    assert with_draws(0.1, 9, np.array([0.3])) == (0.1, 9)
    se, df = with_draws(0.1, 9, np.array([0.0, 0.2, 0.4]))
    assert se == pytest.approx((0.01 + 0.04 / 3) ** 0.5)
    assert df == pytest.approx((0.01 + 0.04 / 3) ** 2 / (0.01**2 / 9 + (0.04 / 3) ** 2 / 2))
    assert with_draws(0.0, 9, np.array([0.2, 0.2])) == (0.0, 9)


# --- what is said of it ---------------------------------------------------------------------------


def test_a_selection_that_wins_says_by_how_much() -> None:
    found = outcome(0.05)
    first, second, _ = found.sentences
    assert first == "150 selected rows beat 150 random ones"
    assert second.startswith("selected − random: +0.05")
    assert second.endswith(" rougeL, on 20 dev items in 10 groups; intervals of 90%")


@pytest.mark.parametrize(
    ("shift", "said"), [(-0.05, "are worse than"), (0.0, "are not shown to beat")]
)
def test_a_selection_that_does_not_win_says_so(shift: float, said: str) -> None:
    found = outcome(shift, spread=1.0)
    assert not found.beats
    assert found.sentences[0] == f"150 selected rows {said} 150 random ones"
    assert "do not take this selection for better than a random one" in found.sentences


def test_all_gating_metrics_must_win_and_one_that_loses_is_enough() -> None:
    won, lost = outcome(0.05).metrics["rougeL"], outcome(-0.05).metrics["rougeL"]
    both = {"judged_by": ("rougeL", "semantic")}
    assert outcome(0.05, **both, metrics={"rougeL": won, "semantic": won}).beats
    mixed = outcome(0.05, **both, metrics={"rougeL": won, "semantic": lost})
    assert (mixed.beats, mixed.loses) == (False, True)


def test_what_both_sides_learn_besides_is_told_and_that_one_draw_is_one_draw() -> None:
    assert outcome(0.05, kept=164).sentences[0].endswith("each beside 164 rows that both learn")
    assert "another random draw may differ: --seeds 3 makes three" in outcome(0.05).sentences
    three = outcome(0.05, draws=3).sentences
    assert "3 random draws" in three[1]
    assert len(three) == 2


# --- which rows -----------------------------------------------------------------------------------


def lay_out(**curate: Any) -> None:
    """A curated dataset as a run leaves it, without models."""
    Path("params.yaml").write_text(yaml.safe_dump({"curation": {"curate": curate}}))
    train = [Row.of(f"{i}?", f"{i}", group=str(i), source="faq.csv") for i in range(6)]
    train += [Row.of("r?", "r", group="r", source="rehearsal.jsonl")]
    train += [Row.of("l?", "l", group="l", source="labelled.jsonl")]
    for part, rows in {Split.TRAIN: train, Split.DEV: ITEMS, Split.SEALED: ITEMS[:1]}.items():
        write_records(paths.rows_of(part), rows)
    counts = [TokenCount(row=row.id, prompt=9, completion=3) for row in (*train, *ITEMS)]
    write_records(paths.TOKENS, counts)
    dataset = {"rows": digest_folder(paths.CURATED), "splits": {}, "sources": (), "contract": "c"}
    DatasetVersion.model_validate(dataset).write(paths.DATASET)


def test_rehearsed_and_accepted_rows_are_kept_apart_and_not_counted() -> None:
    lay_out(train_only=["rehearsal.jsonl"])
    found = read_candidates()
    assert {row.source for row in found.rows} == {"faq.csv"}
    assert [row.source for row in found.kept] == ["rehearsal.jsonl", "labelled.jsonl"]
    assert found.answer_tokens() == [3] * 6


def test_a_selection_of_a_selection_is_refused() -> None:
    lay_out(selection="datasets/selection/best-3.jsonl")
    with pytest.raises(InputError, match="the training rows are a selection: take this line out"):
        read_candidates()


def test_rows_that_the_gate_did_not_see_are_refused() -> None:
    lay_out()
    write_records(paths.rows_of(Split.TRAIN), ITEMS)
    with pytest.raises(InputError, match=r"outputs/dataset\.json: is about other rows"):
        read_candidates()


def test_random_draws_are_functions_of_their_seeds() -> None:
    one, other = draw_rows(ITEMS, 5, 1), draw_rows(ITEMS, 5, 2)
    assert one == draw_rows(list(reversed(ITEMS)), 5, 1) != other
    assert len({row.id for row in one}) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rows", "6"], "error: --rows: there are 6 training rows to choose from"),
        (["--rows", "0"], "Invalid value for '--rows'"),
    ],
)
def test_bad_usage_is_told_before_anything_is_loaded(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(train_only=["rehearsal.jsonl"])
    code, _, told = called(capsys, "search", "select", *arguments)
    assert (code, said in told) == (2, True)


# --- the whole ------------------------------------------------------------------------------------

TINY = {
    "base": {"model": "models/tiny", "precision": "float32"},
    "training": {
        "adapter": {"r": 2, "quantization": "none"},
        "sft": {"batch_size": 4},
    },
    "evaluation": {
        "decoding": {"max_new_tokens": 4},
        "scoring": {"metrics": ["rouge", "semantic", "perplexity"]},
    },
}


def incumbent(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("incumbent")), *arguments],
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(Path.home()),
            "INCUMBENT_HOME": "home",
            **READ_BY_LIBRARIES,
        },
    )


@pytest.mark.slow
def test_rows_are_ranked_trained_on_and_compared_and_the_project_stays_as_it_was() -> None:
    lay_out(train_only=["rehearsal.jsonl"])
    texts = [t for i in ITEMS for t in (i.prompt_text, i.completion_text)]
    lay_out_tiny([*texts, *(f"{i}? {i} r? r l? l" for i in range(6))], Path("models"))
    settings = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(settings | TINY))
    assert incumbent("stage", "base").returncode == 0
    before = digest_folder(Path("outputs"))
    first = incumbent("search", "select", "--rows", "3", "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    made = Selection.load(Path("datasets/selection/best-3.jsonl"))
    assert told["selected"] == made.chosen
    assert (made.head.selected, made.head.ranked) == (3, 6)
    comparison = told["comparison"]
    assert (comparison["kept"], comparison["items"], comparison["seeds"]) == (2, 20, [0])
    assert {"rougeL", "semantic", "reference_logprob"} <= comparison["metrics"].keys()
    assert digest_folder(Path("outputs")) == before
    assert not Path("home/registry").exists()
    again = incumbent("search", "select", "--rows", "3", "--json")
    assert json.loads(again.stdout) == told
    assert "steps" not in again.stderr  # both adapters were there
