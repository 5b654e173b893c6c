"""The learning curve: what is drawn of a run, of a resumed one, and on a disk that is full."""

import shutil
from math import e
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path("curve")


def curve() -> Any:
    from training.kept.learning_curve import LearningCurve

    return LearningCurve(FOLDER)


def at(step: int, *history: dict[str, float]) -> Any:
    return SimpleNamespace(global_step=step, log_history=list(history), max_steps=12)


def drawn(name: str) -> list[tuple[str, float]]:
    """Steps and values of a metric, as `dvc plots` reads them."""
    header, *lines = next(FOLDER.rglob(f"{name}.tsv")).read_text().splitlines()
    assert header.split("\t") == ["step", name.rpartition("/")[2]]
    return [(step, float(value)) for step, value in (line.split("\t") for line in lines)]


def test_a_resumed_run_draws_what_the_one_before_had_drawn() -> None:
    one = curve()
    one.on_train_begin(None, at(2, {"loss": 3.0, "step": 1}, {"loss": 2.5, "step": 2}), None)
    one.on_log(None, at(3), None, {"loss": 2.0})
    assert drawn("loss") == [("1", 3.0), ("2", 2.5), ("3", 2.0)]


def test_the_loss_on_dev_is_drawn_with_its_perplexity() -> None:
    curve().on_log(None, at(4), None, {"eval_loss": 1.0})
    assert drawn("eval_loss") == [("4", 1.0)]
    assert drawn("eval_perplexity") == [("4", pytest.approx(e, rel=1e-6))]


def test_of_grpo_it_draws_the_rewards_and_how_far_vllm_is_from_the_trainer() -> None:
    log: dict[str, float] = {"reward": 0.5, "frac_reward_zero_std": 0, "kl": 0.1}
    log |= {"completions/mean_length": 9, "rewards/polite/mean": 0.25}
    log |= {"sampling/sampling_logp_difference/mean": 0.001}
    curve().on_log(None, at(1), None, log)
    for name, value in log.items():
        assert drawn(name) == [("1", value)]


def test_a_curve_that_cannot_be_written_is_a_warning_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = curve()
    shutil.rmtree(FOLDER)
    FOLDER.write_text("a file, where a folder should be")
    for step in (1, 2):
        one.on_log(None, at(step), None, {"loss": 2.0})
    assert capsys.readouterr().err.count("warning: the learning curve has a gap") == 1
