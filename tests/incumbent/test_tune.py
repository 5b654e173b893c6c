"""`search tune` tries values of settings on dev, goes on where it was, and is honest of luck."""

from collections.abc import Mapping
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from optuna.distributions import FloatDistribution, IntDistribution

from incumbent.searching.compare_on_dev import full_gpu_told
from incumbent.searching.pace import SftSettings
from incumbent.searching.search_result import SearchResult, gain_of_best, panels, result_of
from incumbent.searching.search_settings import (
    LEFT_ALONE,
    SearchParams,
    Span,
    Trial,
    as_command,
    as_params,
    known_keys,
    with_values,
)
from incumbent.searching.trial_loop import Search, distribution, one_at_a_time
from incumbent.verbs.tune import print_found, until
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.settings import load
from tests.incumbent.tiny_project import called, lay_out_project, run
from training.training_settings import AdapterParams, SftParams

OWN = SftSettings(adapter=AdapterParams(), sft=SftParams())
RANGES: dict[str, Any] = {
    "sft.learning_rate": {"low": 1e-4, "high": 2e-3, "log": True},
    "adapter.r": [8, 16, 32],
}
FIRST = {"sft.learning_rate": 5e-4, "adapter.r": 16}
BEST = 8e-4  # of the learning rates, with rank 32


def objective(values: Mapping[str, Any]) -> tuple[float, ...]:
    """Losses of three items, least at a known place."""
    loss = abs(log(values["sft.learning_rate"] / BEST)) + abs(values["adapter.r"] - 32) / 32
    return (loss, loss + 0.5, loss + 1)


def search(folder: str = "search", **fields: Any) -> Search:
    settings = SearchParams.model_validate({"ranges": RANGES, **fields})
    return Search(Path(folder), settings.settled, "less")


def tried(one: Search) -> list[tuple[dict[str, Any], float | None]]:
    return [(trial.values, trial.score) for trial in one.trials()]


def told(values: Mapping[str, Any]) -> str:
    """What the settings say of ranges in a params.yaml."""
    Path("params.yaml").write_text(yaml.safe_dump({"search": values}))
    with pytest.raises(InputError) as error:
        load(SearchParams)
    return str(error.value)


# --- the ranges -----------------------------------------------------------------------------------


def test_without_a_section_common_settings_are_tried() -> None:
    Path("params.yaml").write_text("search: {}\n")
    params = load(SearchParams)
    assert params.settled["adapter.r"] == (8, 16, 32)
    assert {"sft.learning_rate", "sft.epochs"} <= params.ranges.keys()


def test_every_key_of_the_step_can_be_tried_but_those_that_are_no_choice() -> None:
    every = [f"adapter.{name}" for name in AdapterParams.model_fields]
    every += [f"sft.{name}" for name in SftParams.model_fields]
    assert set(known_keys()) == set(every) - LEFT_ALONE


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ({"learning_rate": [1e-4]}, "did you mean sft.learning_rate?"),
        ({"sft.lerning_rate": [1e-4]}, "did you mean sft.learning_rate?"),
        ({"adapter.seed": [0, 1]}, "no key of training that can be tried"),
        ({"adapter.r": [8, 0]}, "adapter.r: 0: must be greater than 0"),
        ({"sft.learning_rate": {"low": 1, "high": 0.1}}, "low (1) must be below high (0.1)"),
        ({"adapter.dropout": {"low": 0, "high": 0.5, "log": True}}, "it has a logarithm"),
        ({"adapter.r": {"low": 8, "high": 64, "log": True, "step": 8}}, "log or step, not both"),
        ({"adapter.dropout": {"low": 0, "high": 2}}, "adapter.dropout: 2: must be less"),
        (
            {"adapter.r": {"low": 8.5, "high": 32}},
            "adapter.r: 8.5: must be a valid integer",
        ),
        ({"adapter.r": {"low": 8, "high": 32, "step": 0.5}}, "adapter.r: 0.5: must be"),
        ({"adapter.rslora": {"low": 0, "high": 1}}, "adapter.rslora is no number: list its values"),
        ({"sft.epochs": [0, 1]}, "sft.epochs: 0: leaves the step out"),
        ({"sft.epochs": {"low": 0, "high": 2}}, "sft.epochs: 0: leaves the step out"),
        ({"adapter.r": []}, "search.ranges.adapter.r"),
        ({}, "search.ranges"),
    ],
)
def test_a_range_that_training_does_not_have_is_refused_by_name(
    ranges: dict[str, Any], said: str
) -> None:
    message = told({"ranges": ranges})
    assert message.startswith("params.yaml:")
    assert said in message


def test_a_value_is_tried_as_training_reads_it() -> None:
    params = SearchParams.model_validate({"ranges": {"sft.epochs": ["1", 2]}})
    assert params.settled == {"sft.epochs": (1.0, 2.0)}


def test_numbers_between_two_are_tried_evenly_or_by_their_logarithm_or_in_steps() -> None:
    for span, meant in (
        (Span(low=0.0, high=0.5), FloatDistribution(0.0, 0.5)),
        (Span(low=1e-4, high=1e-2, log=True), FloatDistribution(1e-4, 1e-2, log=True)),
        (Span(low=8, high=64, step=8), IntDistribution(8, 64, step=8)),
        (Span(low=0.1, high=0.5, step=0.1), FloatDistribution(0.1, 0.5, step=0.1)),
    ):
        assert distribution(span) == meant


@pytest.mark.parametrize(
    ("key", "span", "meant"),
    [
        ("adapter.r", {"low": 8.0, "high": 32}, IntDistribution(8, 32)),
        ("adapter.r", {"low": 8, "high": 32, "step": 8.0}, IntDistribution(8, 32, step=8)),
        ("sft.replay", {"low": 0, "high": 1}, FloatDistribution(0.0, 1.0)),
        ("sft.epochs", {"low": 1, "high": 3, "step": 1}, FloatDistribution(1.0, 3.0, step=1.0)),
    ],
)
def test_numbers_between_two_are_whole_where_training_takes_whole_ones(
    key: str, span: dict[str, Any], meant: object
) -> None:
    params = SearchParams.model_validate({"ranges": {key: span}})
    assert distribution(params.settled[key]) == meant
    one = Search(Path("search"), params.settled, "less")
    for trial in one.run(lambda values: (float(values[key]),), 12):
        with_values(OWN, trial.values)  # training takes each


def test_values_become_settings_lines_and_a_command() -> None:
    values = {"sft.learning_rate": 0.00073, "sft.epochs": 2.0, "adapter.r": 32}
    settings = with_values(OWN, values)
    assert (settings.sft.learning_rate, settings.sft.epochs, settings.adapter.r) == (7.3e-4, 2, 32)
    lines = yaml.safe_load(as_params(values))
    assert lines == {
        "training": {"adapter": {"r": 32}, "sft": {"learning_rate": 7.3e-4, "epochs": 2}}
    }
    assert as_command(values) == (
        "dvc exp run -S training.sft.learning_rate=0.00073 -S training.sft.epochs=2 "
        "-S training.adapter.r=32"
    )


# --- the loop -------------------------------------------------------------------------------------


def test_the_project_s_own_settings_are_tried_first_and_better_ones_are_found() -> None:
    one = search()
    found = list(one.run(objective, 20, first=FIRST))
    assert found[0].values == FIRST
    assert [trial.number for trial in found] == list(range(20))
    best = min(found, key=lambda trial: trial.score or 0)
    assert best.values["adapter.r"] == 32
    assert best.values["sft.learning_rate"] == pytest.approx(BEST, rel=0.3)
    rates = [trial.values["sft.learning_rate"] for trial in found]
    assert rates == [float(f"{rate:.3g}") for rate in rates]  # so that people can write them down


def test_the_first_trials_lie_evenly_in_all_ranges() -> None:
    found = [trial.values for trial in search().run(objective, 8)]
    rates = sorted(values["sft.learning_rate"] for values in found)
    cuts = [1e-4 * 20 ** (i / 4) for i in range(5)]  # quarters of the range, by the logarithm
    for low, high in pairwise(cuts):
        assert sum(low <= rate < high for rate in rates) == 2
    assert {values["adapter.r"] for values in found} == {8, 16, 32}


def test_a_search_that_was_interrupted_tries_what_an_uninterrupted_one_does() -> None:
    whole, parts = search("whole"), "parts"
    list(whole.run(objective, 12, first=FIRST))
    for count in (1, 10, 12):
        list(search(parts).run(objective, count, first=FIRST))
    assert tried(search(parts)) == tried(whole)


def test_a_finished_search_tries_nothing_again() -> None:
    one = search()
    assert len(list(one.run(objective, 2))) == 2
    assert list(one.run(objective, 2)) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), InputError("no such file"), SystemError()])
def test_a_trial_that_was_stopped_or_killed_is_tried_again(stop: BaseException) -> None:
    def stopping(values: Mapping[str, Any]) -> tuple[float, ...]:
        if len(one.trials()) == 1:
            asked.append(values)
            raise stop
        return objective(values)

    one, asked = search(), list[Mapping[str, Any]]()
    with pytest.raises(type(stop)):
        list(one.run(stopping, 3))
    found = list(one.run(objective, 3))
    assert [trial.number for trial in found] == [1, 2]
    assert found[0].values == asked[0]


def test_a_trial_that_kills_the_process_twice_has_failed_and_the_search_goes_on() -> None:
    def killed(values: Mapping[str, Any]) -> tuple[float, ...]:
        raise SystemError

    one = search()
    for _ in range(2):
        with pytest.raises(SystemError):
            list(one.run(killed, 3))
    found = list(one.run(objective, 3))
    assert found[0].error == "killed 2 times: is there memory for it?"
    assert [trial.score is None for trial in found] == [True, False, False]


def test_training_that_fails_is_a_trial_without_a_score() -> None:
    def failing(values: Mapping[str, Any]) -> tuple[float, ...]:
        if values["adapter.r"] == 8:
            raise IncumbentError("the loss is no number any more")
        return objective(values)

    found = list(search().run(failing, 6))
    failed = [trial for trial in found if trial.score is None]
    assert {trial.values["adapter.r"] for trial in failed} == {8}
    assert {trial.error for trial in failed} == {"the loss is no number any more"}
    assert [trial.number for trial in found] == list(range(6))


@pytest.mark.slow
def test_a_gpu_that_is_full_is_a_trial_without_a_score() -> None:
    import torch  # which takes seconds

    def full(values: Mapping[str, Any]) -> tuple[float, ...]:
        with full_gpu_told():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore")

    (failed,) = search().run(full, 1)
    assert failed.score is None
    assert failed.error == (
        "the GPU has no memory for it: CUDA out of memory. Tried to allocate 2 GiB."
    )


def test_no_trial_begins_when_the_time_is_over() -> None:
    left = iter([True, True, False])
    assert len(list(search().run(objective, 9, more=lambda: next(left)))) == 2
    assert list(search().run(objective, 9, more=until(minutes=0))) == []
    assert until(minutes=None)() and until(minutes=1)()


def test_a_journal_that_was_cut_off_in_a_line_is_mended() -> None:
    list(search().run(objective, 3))
    journal = Path("search/trials.log")
    journal.write_bytes(journal.read_bytes() + b'{"op_code": 4, "worker')
    Path("search/trials.log.lock").symlink_to(journal.name)  # as Optuna leaves it
    with one_at_a_time(Path("search")):
        assert len(list(search().run(objective, 5))) == 2


def test_two_processes_do_not_go_on_with_one_search() -> None:
    refused = pytest.raises(IncumbentError, match="another process goes on")
    with one_at_a_time(Path("s")), refused, one_at_a_time(Path("s")):
        raise AssertionError


def test_values_outside_of_the_ranges_are_told_apart() -> None:
    one = search()
    assert one.holds(FIRST)
    assert not one.holds(FIRST | {"adapter.r": 64})
    assert not one.holds(FIRST | {"sft.learning_rate": 1.0})


# --- how much better the best is ------------------------------------------------------------------

RNG = np.random.default_rng(0)
GROUPS = [f"g{i}" for i in range(60)]


def test_the_best_of_many_equal_settings_gains_nothing_on_items_that_did_not_choose_it() -> None:
    """Seen on the items that chose it, luck alone gains; corrected, it does not."""
    found = [gain_of_best(RNG.normal(size=(20, 60)), 0, GROUPS, "less") for _ in range(30)]
    seen, corrected = zip(*[(one.seen, one.corrected) for one in found if one], strict=True)
    assert np.mean(seen) > 0.15
    assert abs(np.mean(corrected)) < 0.05


def test_a_setting_that_is_better_gains_as_much_as_it_is_better() -> None:
    scores = RNG.normal(scale=0.1, size=(10, 60))
    scores[7] -= 1.0
    gain = gain_of_best(scores, 0, GROUPS, "less")
    assert gain
    assert gain.corrected == pytest.approx(1.0, abs=0.1)
    assert gain.low > 0.9
    assert gain_of_best(-scores, 0, GROUPS, "more") == pytest.approx(gain)


def test_few_groups_of_items_say_nothing() -> None:
    assert gain_of_best(np.ones((3, 10)), 0, ["a"] * 5 + ["b"] * 5, "less") is None


# --- what is said of it ---------------------------------------------------------------------------


def outcome(
    shift: float,
    *,
    first: Mapping[str, Any] = FIRST,
    own: Mapping[str, Any] = FIRST,
    wanted: int = 3,
) -> SearchResult:
    base = RNG.uniform(1, 2, size=60)
    noise = np.resize([0.05, -0.05], 60)
    trials = [
        Trial(0, dict(first), tuple(base), seconds=60.0),
        Trial(1, {**first, "adapter.r": 32}, tuple(base - shift + noise), seconds=120.0),
        Trial(2, {**first, "adapter.r": 8}, error="killed"),
    ]
    return result_of(trials, GROUPS, metric="loss", better="less", wanted=wanted, own=own)


def test_a_better_setting_is_told_with_how_often_dev_was_used() -> None:
    first, seen, corrected, looks = outcome(0.35).sentences
    assert first.startswith("best of 2: trial 2: loss")
    assert first.endswith(", 2.0 min")
    assert seen.startswith("on the items that chose it: better than params.yaml by 0.3")
    assert corrected.startswith("on items that did not: by 0.3")
    assert corrected.endswith("]")
    assert looks == "dev chose among 2 adapters: the best score is optimistic, sealed decides"


def test_a_setting_that_is_not_shown_to_be_better_is_said_to_be_so() -> None:
    assert any("no gain is shown" in line for line in outcome(0.001).sentences)
    assert (
        "the settings of params.yaml are the best of those that were tried"
        in outcome(-0.3).sentences
    )
    assert outcome(-0.3).next_steps is None
    beyond = outcome(0.3, own={"adapter.r": 64}).sentences
    assert (
        "the settings of params.yaml lie outside of the ranges: nothing to compare with" in beyond
    )


def test_all_but_the_path_of_the_page_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    five = FIRST | {"sft.epochs": 2.0, "sft.batch_size": 4, "adapter.dropout": 0.05}
    better = outcome(0.001, first=five, own=five)
    print_found(better, Path("p" * 90), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if "ppp" not in line) <= 80
    command = "\n".join(lines).partition("or as an experiment:\n")[2].partition("\n\n")[0]
    joined = command.replace("\\\n", " ")
    steps = better.next_steps
    assert steps and joined.split() == steps[1].split()


def test_trials_that_are_left_are_told() -> None:
    assert outcome(0.3, wanted=9).sentences[-1] == "6 trials not made: run it again to go on"


def test_the_page_draws_each_setting_without_anything_from_elsewhere() -> None:
    found, ranges = outcome(0.3), SearchParams.model_validate({"ranges": RANGES}).settled
    found.write_page(ranges, Path("search.html"))
    page = Path("search.html").read_text()
    assert page.count("<svg") == 3
    assert "<script" not in page and "http" not in page.replace("https://dvc", "")
    assert [one.title for one in panels(found, ranges)] == [
        "trial after trial",
        "learning_rate",
        "r",
    ]
    shapes = [mark.shape for mark in panels(found, ranges)[2].marks]
    assert sorted(shapes) == ["diamond", "square"]  # the best, and the project's own


# --- the whole ------------------------------------------------------------------------------------

TINY_RANGES = {"sft.learning_rate": [1e-3, 3e-2], "adapter.r": [2, 4]}


@pytest.mark.slow
def test_adapters_are_trained_and_held_to_dev_and_the_project_stays_as_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay_out_project(search__ranges=TINY_RANGES, training__sft__learning_rate=1e-3)
    before = digest_folder(Path("outputs")), Path("params.yaml").read_bytes()
    found, said = run(capsys, "search", "tune", "--trials", "2")
    assert "2 trials to go, about" in said
    assert found["trials"][0]["values"] == {"sft.learning_rate": 1e-3, "adapter.r": 2}
    more, said = run(capsys, "search", "tune", "--trials", "4")
    assert "2 trials done before; 2 trials to go" in said
    assert more["trials"][:2] == found["trials"]
    scores = [trial["score"] for trial in more["trials"]]
    assert more["best"] == scores.index(min(scores))
    assert (more["items"], more["clusters"]) == (20, 10)
    again, said = run(capsys, "search", "tune", "--trials", "4")
    assert again == more
    assert "sft" not in said.replace("sft.", "")  # nothing was trained
    assert Path(more["page"]).is_file()
    assert (digest_folder(Path("outputs")), Path("params.yaml").read_bytes()) == before


@pytest.mark.slow
def test_the_metric_is_one_of_the_project_s_scorers_and_no_other_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay_out_project(search__ranges=TINY_RANGES, search__metric="rougeX", search__trials=2)
    code, _, said = called(capsys, "search", "tune")
    assert code == 2
    assert "search.metric: 'rougeX' is no metric with a better way; there are loss, rouge1" in said
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("rougeX", "rougeL"))
    found, _ = run(capsys, "search", "tune")
    assert (found["metric"], found["better"], len(found["trials"])) == ("rougeL", "more", 2)
