"""What training and answering compute on is made where the model is, and nowhere else."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PretrainedConfig

from evaluation.generation.batch_reader import BatchReader
from evaluation.preference.reward_model import Classifier
from project.errors import IncumbentError
from tests.one_device import OneDevice
from tests.training.test_packing import CONFIGS, ROWS
from training.model.kernels import fuse_lora
from training.model.row_attention import attending_within_rows
from training.rows.packed_rows import pack
from training.steps.card_trial import largest_that_fits, take
from training.steps.packed_trainer import PackedTrainer, add_completion_loss, packed_loss

LLAMA, WINDOWED = CONFIGS["Llama"], CONFIGS["Mistral, in a window"]


def on_meta(config: PretrainedConfig) -> Any:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def with_lora(config: PretrainedConfig) -> PeftModel:
    lora = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4, lora_dropout=0.1)
    with torch.device("meta"):
        return get_peft_model(on_meta(config), lora)


def test_two_devices_in_one_operation_are_noticed() -> None:
    table, places = torch.empty(4, 2, device="meta"), torch.tensor([1])
    assert table[places].device.type == "meta"  # torch alone lets it pass
    with OneDevice(), pytest.raises(RuntimeError, match="aten::index"):
        table[places]


@pytest.mark.parametrize("config", [LLAMA, WINDOWED], ids=["Llama", "in a window"])
def test_a_packed_pass_forward_and_backward_stays_on_the_models_device(
    config: PretrainedConfig,
) -> None:
    model = with_lora(config).train()
    base = model.get_base_model()
    add_completion_loss(base)
    fuse_lora(model)
    rows = pack(ROWS).to("meta")
    with OneDevice(), attending_within_rows(base):
        packed_loss(model, rows).backward()
    gradients = {w.grad.device.type for w in model.parameters() if w.grad is not None}
    assert gradients == {"meta"}


def test_a_trainer_moves_packed_rows_to_its_device() -> None:
    trainer: Any = SimpleNamespace(args=SimpleNamespace(device="meta"))
    moved = PackedTrainer._prepare_input(trainer, pack(ROWS))
    assert {moved.ids.device.type, moved.filled.device.type} == {"meta"}


@pytest.mark.parametrize("config", [LLAMA, WINDOWED], ids=["Llama", "in a window"])
def test_a_reader_of_batches_reads_on_the_models_device(config: PretrainedConfig) -> None:
    with OneDevice(), torch.inference_mode():
        reader = BatchReader(on_meta(config).eval())
        prefix = reader.shared([[1, 2, 3], [1, 2, 4, 5]])
        memory, logits = reader.read_after(prefix, [[1, 2, 3], [1, 2, 4, 5]])
        if reader.can_regroup:
            memory = memory.rows([1, 0]).above(memory)
        again = reader.read(memory, [[6]] * len(memory.mask))
    assert {logits.device.type, again.device.type} == {"meta"}


class Elsewhere:
    """A classifier that is on another device, and notes where what it reads is."""

    device = torch.device("meta")

    def __init__(self) -> None:
        self.read: set[str] = set()

    def __call__(self, **inputs: torch.Tensor) -> Any:
        self.read |= {one.device.type for one in inputs.values()}
        return SimpleNamespace(logits=torch.zeros(len(inputs["input_ids"]), 1))


def test_a_classifier_reads_where_it_is_and_its_rewards_are_the_processors(word_base: Path) -> None:
    classifier = Classifier.__new__(Classifier)
    classifier.tokenizer = AutoTokenizer.from_pretrained(word_base, pad_token="?")
    classifier.model = Elsewhere()
    assert classifier.rewards(["a", "b"], ["c", "d e"]).device.type == "cpu"
    assert classifier.model.read == {"meta"}


# --- test card trial ------------------------------------------------------------------------------

# A pass shrinks until a GPU has memory for it, and a step learns from as much as before.


class Card:
    """One on which passes of so many examples fit."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.tried: list[int] = []

    def run(self, size: int) -> None:
        self.tried.append(size)
        if size > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 …")


@pytest.mark.parametrize(
    ("told", "fits", "tried"),
    [
        (8, 8, [8]),
        (8, 3, [8, 4, 2]),
        (8, 1, [8, 4, 2, 1]),
        (12, 5, [12, 6, 3]),
        (7, 6, [7, 1]),  # what does not divide a batch would change what a step learns from
    ],
)
def test_the_largest_pass_that_fits_is_found_and_divides_the_batch(
    told: int, fits: int, tried: list[int]
) -> None:
    card = Card(fits)
    assert largest_that_fits(told, card.run) == tried[-1]
    assert card.tried == tried
    assert told % tried[-1] == 0


@pytest.mark.parametrize("least", [1, 8])
def test_what_does_not_fit_at_all_is_an_error_that_says_what_to_do(least: int) -> None:
    told = rf"no memory for a pass on {least} of the longest examples: CUDA out of memory; set grad"
    with pytest.raises(IncumbentError, match=told):
        largest_that_fits(8, Card(0).run, least)


def test_another_error_is_none_of_memory() -> None:
    def fail(size: int) -> None:
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        largest_that_fits(8, fail)


def test_a_step_learns_from_as_many_examples_in_more_passes() -> None:
    args = SimpleNamespace(per_device_train_batch_size=8, gradient_accumulation_steps=3)
    trainer: Any = SimpleNamespace(args=args, _train_batch_size=8)
    take(trainer, 2)
    assert (args.per_device_train_batch_size, args.gradient_accumulation_steps) == (2, 12)
    assert trainer._train_batch_size == 2
