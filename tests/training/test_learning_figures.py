"""The page of figures says of rewards and of forgetting what the benchmarks' stored results say."""

import json
import re
import shutil
from collections.abc import Iterator
from itertools import permutations
from math import e, sqrt
from pathlib import Path
from statistics import fmean, stdev
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.forgetting import GIVEN, OWN, difference
from benchmarks.merges import SEEDS, merge_gains
from benchmarks.quick_stops import WHOLE, stops
from incumbent.reproducing.quick_run import better_by
from tests.conftest import ROOT
from training.training_settings import GrpoParams

PAGE = (ROOT / "docs" / "reference" / "figures.md").read_text()


def stored(benchmark: str) -> list[dict[str, Any]]:
    lines = (ROOT / "benchmarks" / f"{benchmark}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def table(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def with_error(values: list[float], sign: str = "") -> str:
    error = 1.96 * stdev(values) / sqrt(len(values))
    return f"{fmean(values):{sign}.3f} ± {error:.3f}".replace("-", "−")


SAMPLE = "api-summaries"


def test_what_grpo_made_of_the_bank() -> None:
    (found,) = [one for one in stored("reinforced") if one["project"] != SAMPLE]
    wanted = []
    for name, before in found["dev_before"].items():
        both = zip(before, found["dev_after"][name], strict=True)
        pairs = [(a, b) for a, b in both if a is not None and b is not None]
        gains = [b - a for a, b in pairs]
        means = (fmean(values) for values in zip(*pairs, strict=True))
        told = "{:.3f}, then {:.3f}".format(*means)
        wanted.append([name, told, f"{with_error(gains, '+')} (n {len(gains)})"])
    assert table("Rewards on the bank") == wanted
    section = PAGE.partition("## Rewards on the bank\n")[2].partition("\n## ")[0]
    assert f"{found['steps']} steps" in section
    assert f"{found['processor_minutes']:.0f} processor-minutes" in section


def other_than_usual(run: dict[str, Any]) -> Iterator[str]:
    usually = {name: GrpoParams.model_fields[name].default for name in ("group", "beta")}
    for setting, usual in (usually | {"temperature": 1.0}).items():
        if run.get(setting, usual) != usual:
            yield f"{setting} {run[setting]:g}"


def test_what_grpo_made_of_the_sample() -> None:
    wanted = []
    for one in stored("reinforced"):
        if one["project"] != SAMPLE or "decision" in one:
            continue
        tenth = one["steps"] // 10
        before, after = one["dev_before"]["rougeL"], one["dev_after"]["rougeL"]
        gains = [b - a for a, b in zip(before, after, strict=True)]
        wanted.append(
            [
                ", ".join([f"{one['steps']}, {one['rate']:.5f}", *other_than_usual(one)]),
                f"{fmean(one['rewards'][:tenth]):.2f}, then {fmean(one['rewards'][-tenth:]):.2f}",
                f"{one['groups_without_spread']} of {one['groups']}",
                f"{fmean(before):.3f}, then {fmean(after):.3f}",
                f"{with_error(gains, '+')} (n {len(gains)})",
                f"{one['processor_minutes']:.0f}",
            ]
        )
    assert table("Rewards") == wanted


def test_what_the_gate_said_of_the_reinforced_sample() -> None:
    (found,) = [one for one in stored("reinforced") if "decision" in one]
    before, after = (found[f"rewards_{when}"]["rougeL"] for when in ("before", "after"))
    silent = f"{found['groups_without_spread']} of {found['groups']} groups without spread"
    told = [
        f"{found['optimizer_steps']} steps, {found['processor_minutes']:.0f} processor-minutes",
        f"its reward {before:.3f}, then {after:.3f}; {silent}",
        f"**{found['decision']['verdict']}**",
        *(f"{found['dev'][name]['diff']:+.3f}" for name in ("rougeL", "semantic", "preference")),
    ]
    (reason,) = found["decision"]["reasons"]
    told += re.findall(r"takes its side on \d+% of them", reason)
    section = PAGE.partition("## Rewards\n")[2].partition("\n## ")[0].replace("−", "-")
    assert [one for one in told if one not in section] == []


def test_what_other_settings_of_grpo_make_of_the_sample() -> None:
    runs = [
        one
        for one in stored("reinforced")
        if (one["project"], one.get("steps"), one.get("rate")) == (SAMPLE, 20, 2e-4)
    ]
    usual, *others = runs
    assert len(others) == 4
    for one in others:
        (called,) = other_than_usual(one)
        after = zip(one["dev_after"]["rougeL"], usual["dev_after"]["rougeL"], strict=True)
        told = with_error([own - other for own, other in after], "+")
        assert f"{called.replace('beta', 'β')} {'is ' if called == 'group 4' else ''}{told}" in PAGE


def test_how_fast_answers_are_drawn() -> None:
    told = [
        f"{one['ratio']:.1f} times with {one['prompt_tokens']}" for one in stored("group_draws")
    ]
    section = PAGE.partition("## Rewards\n")[2].partition("\n## ")[0]
    assert " ".join(section.split()).count(" times with ") == len(told)
    assert all(one in section for one in told)


def test_what_merges_gain() -> None:
    columns = [
        list(merge_gains([one for one in stored("merges") if one["pair"] == pair]))
        for pair in SEEDS
    ]
    wanted = []
    for of_one_seed, of_two in zip(*columns, strict=True):
        way = of_one_seed[0].replace(", density 0.5", "").replace("challenger ", "")
        name = way.replace("dare_ties", "DARE-TIES").replace("ties", "TIES")
        wanted.append([name, *of_one_seed[1], *of_two[1]])
    told = [[cell.replace("−", "-") for cell in line] for line in table("Merges")]
    assert told == wanted


def test_whom_a_quick_run_stops() -> None:
    page = (ROOT / "docs" / "how-to" / "improve.md").read_text().replace("−", "-")
    found = {one["way"]: one for one in stored("quick_stops") if "loss" in one}
    seeds = [one for way, one in found.items() if way.startswith("seed ")]
    pairs = list(permutations(seeds, 2))
    stopped = sum(stops(*pair) for pair in pairs)
    half = sum(stops(found["half the rate"], champion) for champion in seeds)
    assert stopped == 0 and f"of {len(pairs)} comparisons between seeds none stopped" in page
    assert f"half the learning rate was stopped in {half} of {len(seeds)}" in page
    whole, slower = found[WHOLE], found[f"half the rate{WHOLE}"]
    over = better_by(whole["loss"], slower["loss"], whole["groups"])
    assert f"worse by {over}".replace("+", "") in page


def test_what_keeps_a_base_able() -> None:
    def cells(ways: list[dict[str, Any]]) -> Iterator[str]:
        for name in ("rougeL", "correct", "refused", "answered"):
            values = [value for one in ways for value in one[name]]
            yield f"{with_error(values)} (n {len(values)})"

    found: dict[str, list[dict[str, Any]]] = {}
    for one in stored("forgetting"):
        if "steps" in one or one["way"] not in found:  # the base is the same for each seed
            found.setdefault(one["way"], []).append(one)
    assert table("Forgetting") == [[way, *cells(ways)] for way, ways in found.items()]
    for name, called in (
        ("rougeL", "ROUGE-L "),
        ("correct", "general questions "),
        ("refused", "harmful ones refused "),
    ):
        told = difference(stored("forgetting"), OWN, GIVEN, name).partition(" (n")[0]
        assert f"{called}{told}, " in PAGE


# --- test learning curve --------------------------------------------------------------------------

# The learning curve: what is drawn of a run, of a resumed one, and on a disk that is full.

FOLDER = Path("curve")


def curve() -> Any:
    from training.kept.running_book import LearningCurve

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
