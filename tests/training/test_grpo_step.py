"""Group-relative policy optimisation: what rewards do to an adapter, and when a run is stopped."""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from incumbent.drawn_answers import AnswerDraws
from project.errors import IncumbentError, InputError
from project.records.adapters import Contestant
from project.records.data import Row
from tests.conftest import NUMERICS, make_tiny_base
from tests.training.kept_steps import ADAPTER, pinned, trained
from tests.training.test_checkpoints import broken_off, kept_run
from training.training_settings import GrpoParams, LimitsParams

pytestmark = pytest.mark.slow

ROWS = [Row.of(f"What is {i} plus {i}?", "-", group=str(i), source="s") for i in range(8)]
# Two passes of sixteen answers a step, which are two groups: four steps an epoch.
GRPO = GrpoParams(
    epochs=2,
    batch_size=16,
    gradient_accumulation=2,
    group=16,
    learning_rate=0.005,
    max_new_tokens=6,
    rewards={"letters": 2.0},
)


@pytest.fixture(scope="module")
def tiny_base(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of few tokens, so that what is drawn in a few steps tells which of them are rewarded."""
    return make_tiny_base(base_model, tmp_path_factory.mktemp("models") / "letters", tokens=320)


@pytest.fixture(scope="module", autouse=True)
def likelier_tokens() -> Iterator[None]:
    """Random weights say little else."""
    from training.steps import grpo_step

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(grpo_step, "TEMPERATURE", 0.2)
        yield


def letters(rows: Sequence[Row], answers: Sequence[Any]) -> list[float | None]:
    """A reward that rises in a few steps: the share of characters that are letters."""
    return [sum(map(str.isalpha, one.text)) / max(1, len(one.text)) for one in answers]


def prepared(base: Path, params: GrpoParams = GRPO, of: Any = letters) -> Any:
    from training.steps.grpo_step import Reward, grpo_step_data
    from training.steps.run_step import StepContext, prepare

    ground = StepContext(Contestant(base=pinned(base)), NUMERICS, ADAPTER)
    rewards = [Reward("letters", 2.0, of)]
    return prepare(grpo_step_data(ROWS, rewards, "c" * 64, AnswerDraws(), params), ground)


@pytest.fixture(scope="module")
def whole(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A run of the step, its record, and the folder of its adapter."""
    from training.steps.run_step import learn

    run, folder = prepared(tiny_base), tmp_path_factory.mktemp("grpo") / "adapter"
    return run, learn(run, folder), folder


def test_answers_are_drawn_as_transformers_draws_them(tiny_base: Path) -> None:
    """Nearly without chance both give the likeliest tokens, whatever a prompt's length and group;
    with it the shares are those of the model's distribution.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from training.steps.grpo_step import Drawing

    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    prompts = [[5, 6, 7], [9], [5, 6, 7], [8, 4, 6, 5, 9]]
    found = AnswerDraws()(model, prompts, Drawing(1e-6, 6, frozenset([3]))).tokens
    for prompt, answer in zip(prompts, found, strict=True):
        given = torch.tensor([prompt])
        (whole,) = model.generate(
            given, max_new_tokens=6, do_sample=False, eos_token_id=3, pad_token_id=0
        ).tolist()
        assert answer == whole[len(prompt) :]
    torch.manual_seed(0)
    many = AnswerDraws()(model, [[5, 6, 7]] * 4000, Drawing(0.2, 1, frozenset())).tokens
    wanted = (model(torch.tensor([[5, 6, 7]])).logits[0, -1].double() / 0.2).softmax(-1)
    shares = torch.bincount(torch.tensor(many)[:, 0], minlength=len(wanted)) / len(many)
    assert (shares - wanted).abs().max() < 4 * 0.5 / 4000**0.5


def test_the_reward_rises_in_equal_bytes_each_time(
    tiny_base: Path, whole: tuple[Any, Any, Path], tmp_path: Path
) -> None:
    from training.steps.run_step import learn

    _, record, folder = whole
    assert record.optimizer_steps == 8
    assert record.rewards_before and record.rewards_after
    assert record.rewards_before["letters"] < record.rewards_after["letters"]
    assert record.rewards_after["reward"] == pytest.approx(2 * record.rewards_after["letters"])
    assert record.groups == 16
    assert f"{record.groups_without_spread} of 16 groups had no spread" in str(record)
    again = learn(prepared(tiny_base), tmp_path / "other")
    assert again == record
    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "recipe.json",
    }
    recipe = json.loads((folder / "recipe.json").read_bytes())
    assert recipe["grpo"]["params"]["rewards"] == {"letters": 2.0}


def test_a_run_that_was_broken_off_has_the_bytes_of_an_uninterrupted_one(
    tiny_base: Path, whole: tuple[Any, Any, Path]
) -> None:
    broken_off(prepared(tiny_base).trainer, 3, tiny_base, grpo=GRPO)
    resumed = prepared(tiny_base).trainer
    kept_run(resumed, tiny_base, LimitsParams(), grpo=GRPO)
    uninterrupted = whole[0].trainer
    assert trained(resumed) == trained(uninterrupted)
    assert resumed.account() == uninterrupted.account()


def test_rewards_that_tell_no_answers_apart_are_told(tiny_base: Path) -> None:
    short = GRPO.model_copy(update={"epochs": 1})
    alike = prepared(tiny_base, short, lambda rows, answers: [0.5] * len(answers)).trainer
    with pytest.raises(IncumbentError, match="in every group all answers got the same reward"):
        kept_run(alike, tiny_base, LimitsParams(), grpo=short)
    account = alike.account()
    assert account["groups"] == account["groups_without_spread"] == 8


def test_an_answer_is_rewarded_with_its_own_row(tiny_base: Path) -> None:
    seen: list[tuple[str, int]] = []

    def looks(rows: Sequence[Row], answers: Sequence[Any]) -> list[float | None]:
        assert all(one.text == one.text.strip() for one in answers)
        seen.extend(
            (row.id, answer.prompt_tokens) for row, answer in zip(rows, answers, strict=True)
        )
        return [0.0, 1.0] * (len(answers) // 2)

    prepared(tiny_base, GRPO.model_copy(update={"epochs": 1}), looks).trainer.train()
    assert {item for item, _ in seen} == {row.id for row in ROWS}
    assert len(seen) == 128
    assert all(len({item for item, _ in seen[at : at + 16]}) == 1 for at in range(0, 128, 16))


def test_fewer_prompts_than_a_step_takes_are_refused(tiny_base: Path) -> None:
    large = GRPO.model_copy(update={"batch_size": 256})
    with pytest.raises(InputError, match="a step takes 32 prompts, and there are 8"):
        prepared(tiny_base, large)


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({"kl": 1.5}, r"KL to the start is 1\.50 nats a token at step 10 of 20"),
        (
            {"completions/mean_length": 40, "completions/clipped_ratio": 0.8},
            "answers are 40 tokens long at step 10 of 20, and were 10; 80% are cut",
        ),
        ({"completions/mean_length": 40}, None),  # they end by themselves
        ({"completions/clipped_ratio": 0.8}, None),  # they were cut from the beginning
    ],
)
def test_a_run_whose_kl_or_length_runs_away_is_stopped(
    last: dict[str, float], told: str | None
) -> None:
    from training.steps.grpo_step import WINDOW, StopOnRunaway

    calm = {"kl": 0.01, "completions/mean_length": 10, "completions/clipped_ratio": 0.0}
    state = SimpleNamespace(log_history=[calm] * WINDOW, global_step=10, max_steps=20)
    StopOnRunaway().on_log(None, state, None)
    state.log_history += [calm | last] * WINDOW
    with nullcontext() if told is None else pytest.raises(IncumbentError, match=told):
        StopOnRunaway().on_log(None, state, None)


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({"epochs": 1}, "rewards: name a metric and its weight"),
        ({"batch_size": 3}, "must be whole groups"),
    ],
)
def test_settings_that_teach_nothing_are_refused(settings: dict[str, Any], refused: str) -> None:
    with pytest.raises(ValueError, match=refused):
        GrpoParams.model_validate(settings)


def test_names_without_weights_count_alike() -> None:
    assert GrpoParams.model_validate({"rewards": "rougeL"}).rewards == {"rougeL": 1}
    assert GrpoParams.model_validate({"rewards": ["a", "b"]}).rewards == {"a": 1, "b": 1}
