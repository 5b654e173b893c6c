"""On-policy distillation: what an adapter learns of its teacher, and who can be none."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from project.errors import InputError
from project.records.adapters import Contestant
from project.records.data import Row
from tests.conftest import NUMERICS
from tests.training.kept_steps import ADAPTER, pinned, trained
from tests.training.test_checkpoints import broken_off, kept_run
from training.training_settings import DistillParams, LimitsParams

pytestmark = pytest.mark.slow

ROWS = [Row.of(f"What is {i} plus {i}?", "-", group=str(i), source="s") for i in range(8)]
# Two passes of two prompts a step, so two steps an epoch.
DISTILL = DistillParams(
    epochs=3,
    batch_size=2,
    gradient_accumulation=2,
    learning_rate=0.02,
    max_new_tokens=6,
    licence="Apache-2.0",
)


@pytest.fixture(scope="module")
def teacher(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that says something else than its base."""
    from tests.training.test_preference_trainers import going_on

    folder = tmp_path_factory.mktemp("teacher")
    going_on(tiny_base).save_pretrained(folder)
    return folder


def prepared(
    base: Path, files: Path, params: DistillParams = DISTILL, of: Path | None = None
) -> Any:
    """A run of the step; `of` is the teacher's base, where that is another one."""
    from training.steps.distill_step import distill_step_data
    from training.steps.run_step import StepContext, prepare

    whom = Contestant(base=pinned(of or base), adapter="a" * 64)
    ground = StepContext(Contestant(base=pinned(base)), NUMERICS, ADAPTER)
    return prepare(distill_step_data(ROWS, whom, files, params), ground)


@pytest.fixture(scope="module")
def whole(
    tiny_base: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any, Path]:
    """A run of the step, its record, and the folder of its adapter."""
    from training.steps.run_step import learn

    run, folder = prepared(tiny_base, teacher), tmp_path_factory.mktemp("distill") / "adapter"
    return run, learn(run, folder), folder


def test_the_adapter_comes_closer_to_its_teacher_in_equal_bytes_each_time(
    tiny_base: Path, teacher: Path, whole: tuple[Any, Any, Path], tmp_path: Path
) -> None:
    from training.steps.run_step import learn

    _, record, folder = whole
    assert record.optimizer_steps == 6
    assert record.tokens and record.tokens > 3 * len(ROWS)  # prompts, and what it answered
    assert record.loss_of_first_step and record.loss_of_last_step
    assert 0 < record.loss_of_last_step < record.loss_of_first_step
    again = learn(prepared(tiny_base, teacher), tmp_path / "other")
    assert again == record
    recipe = json.loads((folder / "recipe.json").read_bytes())
    assert recipe["distill"]["teacher"]["adapter"] == "a" * 64


def test_a_run_that_was_broken_off_has_the_bytes_of_an_uninterrupted_one(
    tiny_base: Path, teacher: Path, whole: tuple[Any, Any, Path]
) -> None:
    broken_off(prepared(tiny_base, teacher).trainer, 3, tiny_base, distill=DISTILL)
    resumed = prepared(tiny_base, teacher).trainer
    kept_run(resumed, tiny_base, LimitsParams(), distill=DISTILL)
    assert trained(resumed) == trained(whole[0].trainer)


def test_a_teacher_with_other_tokens_is_refused(
    tiny_base: Path, teacher: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_base, other)
    tokenizer = json.loads((other / "tokenizer.json").read_bytes())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = sorted(vocabulary, key=vocabulary.get)[100:102]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    refused = r"training\.distill\.teacher.* whose tokens are not those of"
    with pytest.raises(InputError, match=refused):
        prepared(tiny_base, teacher, of=other)


def test_fewer_prompts_than_a_step_takes_are_refused(tiny_base: Path, teacher: Path) -> None:
    large = DISTILL.model_copy(update={"batch_size": 8})
    with pytest.raises(InputError, match="a step takes 16 prompts, and there are 8"):
        prepared(tiny_base, teacher, large)
