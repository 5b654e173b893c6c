"""Stage `grpo`: which scorers may reward, and what happens to one that does harm."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation.evaluation_settings import ScoringParams
from incumbent import grpo
from incumbent.grpo import closed_to_scorers, rewards_of
from project import paths
from project.errors import IncumbentError, InputError
from project.model_pins import ModelChoice, locate, pin
from project.records.data import DatasetVersion, EvidencePassage, Row, Split
from project.records.preferences import PairSource
from project.records.record import write_records
from project.records.tool_calls import call_text
from project.settings import load
from tests.curation.test_tool_rows import ASKED, called
from tests.curation.test_tool_rows import row as tool_row
from training.training_settings import GrpoParams

pytestmark = pytest.mark.slow

ROWS = [Row.of(f"What is {i}?", "It is two.", group=str(i), source="s") for i in range(2)]
SEALED = paths.rows_of(Split.SEALED)
SCORER = """
import os, time
import datasets, evaluate

class Mine(evaluate.Metric):
    more_is_better = ("mine",)
    less_is_better = ("fault",)
    ranges = (("mine", 0, 1), ("fault", 0, 1))
    def _info(self):
        texts = datasets.Features({{"predictions": datasets.Value("string")}})
        return evaluate.MetricInfo(description="", citation="", features=texts)
    def _compute(self, predictions):
        {does}
        n = len(predictions)
        return {{"mine": {gives}, "fault": [0.25] * n, "length": [9.0] * n}}
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    SEALED.parent.mkdir(parents=True)
    SEALED.write_text("what nobody trains on\n")


def reward(scorer: str, metric: str, weight: float = 1) -> Any:
    """The reward by a metric of a scorer."""
    settings = {
        "evaluation": {"scoring": {"metrics": [scorer]}},
        "training": {"grpo": {"epochs": 1, "rewards": {metric: weight}}},
    }
    Path("params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return rewards_of(load(GrpoParams), load(ScoringParams), Path("no-embedder"))[0]


def mine(monkeypatch: pytest.MonkeyPatch, does: str = "", gives: str = "[0.5] * n") -> Any:
    """A user's own scorer as a reward."""
    monkeypatch.delitem(__import__("sys").modules, "mine", raising=False)
    Path("mine.py").write_text(SCORER.format(does=does or "pass", gives=gives))
    return reward("mine:Mine", "mine")


def rated(one: Any, *texts: str) -> Any:
    return one.of(ROWS, [answer(text) for text in texts or ("two", "It is two.")])


def answer(text: str) -> Any:
    from training.steps.grpo_step import DrawnAnswer

    return DrawnAnswer(text, tokens=3, prompt_tokens=4)


def test_our_scorers_reward_by_name() -> None:
    some, whole = rated(reward("rouge", "rougeL"))
    assert 0 < some < whole == 1
    refuses = reward("refusal", "refusal", 0.5)
    assert (refuses.name, refuses.weight) == ("refusal", 0.5)
    # Where less is better, a reward is what it lacks of 1.
    assert rated(refuses, "I cannot help with that.", "It is two.") == [0.0, 1.0]


def of_passage(**more: Any) -> Row:
    passage = EvidencePassage(id="1", text="A lost card is replaced for EUR 9 within five days.")
    row = Row.of("What does a lost card cost?", "EUR 9 [1].", group="g", source="s")
    return row.model_copy(update={"evidence": (passage,), **more})


@pytest.mark.parametrize(
    ("metric", "row", "good", "bad"),
    [
        ("grounding.supported", of_passage(), "A lost card costs EUR 9 [1].", "It is EUR 12 [1]."),
        ("grounding.cited_all", of_passage(), "A lost card costs EUR 9 [1].", "It costs EUR 9."),
        ("grounding.missed_abstention", of_passage(answerable=False), "I do not know.", "EUR 9."),
        (
            "calls.calls_right",
            tool_row(ASKED, called()),
            call_text("get_balance", '{"account": "savings"}'),
            call_text("get_balance", '{"account": "main"}'),
        ),
    ],
)
def test_what_can_be_checked_rewards_by_name(metric: str, row: Row, good: str, bad: str) -> None:
    one = reward(*metric.split("."))
    assert one.of([row, row], [answer(good), answer(bad)]) == [1.0, 0.0]


def test_what_a_row_says_nothing_about_is_no_reward() -> None:
    facts = reward("facts", "facts_kept")
    rows = [Row.of("Is it?", "It is.", group="g", source="s")]  # no fact is in that
    assert facts.of(rows, [answer("Yes.")]) == [None]


@pytest.mark.parametrize(
    ("scorer", "metric", "refused"),
    [
        ("rouge", "helpful", r"grpo\.rewards\.helpful: no scorer .* are rouge1, rouge2, rougeL"),
        ("length", "words", r"grpo\.rewards\.words: no scorer .* within \[0, 1\].* are none"),
        ("perplexity", "perplexity", r"grpo\.rewards\.perplexity: no scorer"),
    ],
)
def test_a_metric_that_cannot_reward_is_refused_by_name(
    scorer: str, metric: str, refused: str
) -> None:
    with pytest.raises(InputError, match=rf"params\.yaml:\d+: training.*{refused}"):
        reward(scorer, metric)


@pytest.mark.parametrize(
    ("does", "gives", "told"),
    [
        ("raise KeyError('x')", "0", r"raised KeyError: 'x'"),
        ("pass", "[float('nan')] * n", r"gave nan as mine, which is not within \[0, 1\]"),
        ("pass", "[1.5] * n", r"gave 1\.5 as mine, which is not within \[0, 1\]"),
        ("pass", "[0.5]", r"gave 1 values of mine for 2 answers"),
        ("time.sleep(60)", "[0.5] * n", r"took \d+\.\d s for a batch, and may take 0\.2"),
    ],
)
def test_a_scorer_that_fails_ends_the_step_with_its_name(
    monkeypatch: pytest.MonkeyPatch, does: str, gives: str, told: str
) -> None:
    if "sleep" in does:
        monkeypatch.setattr(grpo, "BATCH_SECONDS", 0.2)
    one = mine(monkeypatch, does, gives)
    with pytest.raises(IncumbentError, match=f"the reward by mine:Mine {told}: step grpo is"):
        rated(one)


OPENING = [
    "open({path!r}).read()",
    "os.open(os.fsencode({path!r}), os.O_RDONLY)",
    "open('another-name').read()",
    "os.open('sealed.jsonl', os.O_RDONLY, dir_fd=os.open({folder!r}, os.O_RDONLY))",
    "os.rename({path!r}, 'moved'); open('moved')",
    "\n        try: open({path!r})\n        except Exception: pass",  # it keeps silent about it
]


@pytest.mark.parametrize("opens", OPENING)
def test_a_scorer_that_opens_the_sealed_set_ends_the_step_with_its_name(
    monkeypatch: pytest.MonkeyPatch, opens: str
) -> None:
    Path("another-name").symlink_to(SEALED)
    does = opens.format(path=str(SEALED), folder=str(SEALED.parent))
    told = "mine:Mine opened the file of the sealed eval set, which no training may see"
    with closed_to_scorers(SEALED), pytest.raises(IncumbentError, match=told):
        rated(mine(monkeypatch, does))
    if Path("moved").exists():
        Path("moved").rename(SEALED)
    assert SEALED.read_text()  # it is closed for the step alone


def test_the_rest_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("words.txt").write_text("two")
    with closed_to_scorers(SEALED):
        assert rated(mine(monkeypatch, "open('words.txt').read()")) == [0.5, 0.5]


# --- preference -----------------------------------------------------------------------------------


def leave_reward_model() -> None:
    """As stage `reward` leaves one where people vote on the page: the frozen cosine."""
    from evaluation.preference.learnt_reward import save_frozen
    from evaluation.preference.reward_model import ExchangeVectors

    save_frozen(ExchangeVectors(locate(ModelChoice(), "embedder")), paths.REWARD)
    PairSource(source="ballots", made_of="1" * 64).write(paths.PAIR_SOURCE)


def test_the_reward_model_of_dev_rewards_what_is_better_than_the_rows_own_answer() -> None:
    leave_reward_model()
    preferred = reward("rouge", "preference")
    own, silent = rated(preferred, "It is two.", "")
    assert (own, silent) == (0.5, 0.0)
    off, on = rated(preferred, "Bananas are yellow.", "What is 1? It is two.")
    assert 0 < off < 0.5 < on < 1
    # It compares single answers: of a call it says nothing.
    assert preferred.of([tool_row(ASKED, called())], [answer("It is two.")]) == [None]


@pytest.mark.parametrize(
    ("pairs", "refused"),
    [
        ({"source": "reward"}, "cannot be judged by it"),
        ({"made_of": None}, "cannot be judged by it"),
        ({"advisory": True}, "the judge of dev is advisory"),
    ],
)
def test_a_judge_that_decides_or_is_advisory_rewards_nobody(
    pairs: dict[str, Any], refused: str
) -> None:
    told = rf"params\.yaml:\d+: training\.grpo\.rewards\.preference: .*{refused}"
    made = PairSource.model_validate({"source": "ballots", "made_of": "1" * 64} | pairs)
    made.write(paths.PAIR_SOURCE)
    with pytest.raises(InputError, match=told):
        reward("rouge", "preference")


# --- stage ----------------------------------------------------------------------------------------


@pytest.fixture
def project(tiny_base: Path) -> None:
    write_inputs(tiny_base)


def write_inputs(base: Path) -> None:
    """The inputs of the stage, in the current folder."""
    from training import start
    from training.steps.earlier import leave_out

    pin(ModelChoice(model=str(base)), "base").write(paths.BASE)
    pin(ModelChoice(model=str(base)), "embedder").write(paths.EMBEDDER)
    DatasetVersion(rows="1" * 64, splits={}, sources=(), contract="2" * 64).write(paths.DATASET)
    rows = [Row.of(f"What is {i}?", "It is two.", group=str(i), source="s") for i in range(4)]
    write_records(paths.rows_of(Split.TRAIN), rows)
    Path("params.yaml").write_text("version: 2\n")
    start.main()
    for step in ("domain", "sft", "distill", "dpo", "kto"):
        leave_out(step)


def set_reward(scorer: str, metric: str, quantization: str = "none", **generation: Any) -> None:
    params = {
        "epochs": 1,
        "batch_size": 4,
        "gradient_accumulation": 1,
        "group": 2,
        "learning_rate": 0.01,
        "max_new_tokens": 4,
        "rewards": {metric: 1},
    }
    training = {"adapter": {"r": 2, "quantization": quantization}, "grpo": params}
    evaluation = {"scoring": {"metrics": [scorer]}, "generation": generation}
    settings = {"base": {"precision": "float32"}, "training": training, "evaluation": evaluation}
    Path("params.yaml").write_text(yaml.safe_dump(settings))


@pytest.mark.parametrize("metric", ["mine", "preference"])
def test_the_stage_trains_and_draws_the_rewards(
    project: None, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    from training import train
    from training.recipe import StepRecord

    mine(monkeypatch, gives="[sum(map(str.isalpha, t)) / (1 + len(t)) for t in predictions]")
    leave_reward_model()
    set_reward("mine:Mine", metric)
    grpo.main()
    step = paths.step_of("grpo")
    record = StepRecord.read(step / "step.json")
    assert record.recipe and record.recipe.taken == ("grpo",)
    assert record.rewards_before and record.rewards_before.keys() == {"reward", metric}
    curves = step / "plots/metrics"
    for name in ("reward", f"rewards/{metric}/mean", "kl", "completions/mean_length"):
        assert len((curves / f"{name}.tsv").read_text().splitlines()) == 1 + 2
    train.main()


def test_a_stage_whose_scorer_does_harm_leaves_nothing(
    project: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine(monkeypatch, f"os.stat('once') if os.path.exists('once') else open({str(SEALED)!r})")
    set_reward("mine:Mine", "mine")
    with pytest.raises(IncumbentError, match="mine:Mine opened the file of the sealed eval set"):
        grpo.main()
    assert_nothing_is_left()


def assert_nothing_is_left() -> None:
    steps = paths.step_of("grpo").parent.iterdir()
    assert {step.name for step in steps} == {"domain", "sft", "distill", "dpo", "kto"}


@pytest.mark.parametrize(
    ("quantization", "refused"),
    [
        ("none", "vllm-python did not start:\nno GPU here"),
        ("nf4", r"params\.yaml:\d+: training.adapter.quantization: vLLM, .*choose none, or"),
    ],
)
def test_a_vllm_that_cannot_draw_is_refused_before_anything_is_learnt(
    project: None, tmp_path: Path, quantization: str, refused: str
) -> None:
    python = tmp_path / "vllm-python"
    python.write_text("#!/bin/sh\n[ $1 = -c ] && echo 0.32.0 || { echo no GPU here; exit 1; }\n")
    python.chmod(0o755)
    set_reward("rouge", "rougeL", quantization, backend="vllm", vllm_python=str(python))
    with pytest.raises(IncumbentError, match=refused):
        grpo.main()
    assert_nothing_is_left()
