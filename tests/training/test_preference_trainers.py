"""DPO and KTO go on from an adapter: what their reference is, what they learn, what is saved."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from project.errors import InputError
from project.records.data import Message
from training.rows.preference_rows import PairExample, RatedExample
from training.training_settings import AdapterParams, DpoParams, KtoParams

pytestmark = pytest.mark.slow

ADAPTER = AdapterParams(r=4, quantization="none")
DPO = DpoParams(epochs=3, learning_rate=5e-3, batch_size=4)
SHORT = DPO.model_copy(update={"epochs": 1})
KTO = KtoParams(epochs=3, learning_rate=5e-3, batch_size=4)
WEIGHTS = "adapter_model.safetensors"


def asked(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


PAIRS = [
    PairExample(
        asked(f"What is the fee of account {i}?"), f"It is {i} euros.", f"Sure, {i} is free!"
    )
    for i in range(8)
]
RATED = [
    RatedExample(pair.prompt, text, text == pair.chosen) for pair in PAIRS for text in pair.answers
]


def going_on(base: Path, adapter: AdapterParams = ADAPTER, *, learnt: bool = True) -> Any:
    """A model whose adapter has learnt something already, as one does after a step before this."""
    import torch

    from tests.conftest import NUMERICS
    from training.model.base_model import load_base
    from training.model.lora import add_adapter

    model = add_adapter(load_base(base, adapter, NUMERICS), adapter, NUMERICS)
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name and learnt:
            torch.nn.init.normal_(weight, std=0.2)
    return model


def dpo(model: Any, base: Path, pairs: Sequence[PairExample] = PAIRS, params: Any = DPO) -> Any:
    from transformers import AutoTokenizer

    from training.steps.preference_trainers import dpo_trainer

    tokenizer = AutoTokenizer.from_pretrained(base)
    return dpo_trainer(pairs, params, model, tokenizer, "float32", AdapterParams())


def kto(model: Any, base: Path, rated: Sequence[RatedExample] = RATED, params: Any = KTO) -> Any:
    from transformers import AutoTokenizer

    from training.steps.preference_trainers import kto_trainer

    tokenizer = AutoTokenizer.from_pretrained(base)
    return kto_trainer(rated, params, model, tokenizer, "float32", AdapterParams())


def logged(trainer: Any, name: str) -> list[float]:
    return [line[name] for line in trainer.state.log_history if name in line]


def weights(model: Any) -> dict[str, Any]:
    return {
        name: weight.detach().clone()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


class Run:
    """A trainer that has trained, its model, and all weights of before."""

    def __init__(self, make: Any, base: Path) -> None:
        self.model = going_on(base)
        self.base = {n: w.clone() for n, w in self.model.named_parameters() if "lora" not in n}
        self.trainer = make(self.model, base)
        self.before = weights(self.model)
        self.trainer.train()


@pytest.fixture(scope="module")
def runs(tiny_base: Path) -> Callable[[Any], Run]:
    """A run of DPO and one of KTO, made once each, for those who only look at them."""
    return cache(lambda make: Run(make, tiny_base))


def test_the_first_loss_of_dpo_is_ln_2_as_its_reference_is_the_model_as_it_comes(
    tiny_base: Path, runs: Callable[[Any], Run]
) -> None:
    quantized = ADAPTER.model_copy(update={"quantization": "nf4"})
    in_four_bits = dpo(going_on(tiny_base, quantized), tiny_base, params=SHORT)
    fresh = dpo(going_on(tiny_base, learnt=False), tiny_base, params=SHORT)
    for trainer in (in_four_bits, fresh):
        trainer.train()
    for trainer in (runs(dpo).trainer, in_four_bits, fresh):
        assert logged(trainer, "loss")[0] == pytest.approx(math.log(2), abs=1e-4)


def test_dpo_widens_the_margin_of_the_better_answers(runs: Callable[[Any], Run]) -> None:
    trainer = runs(dpo).trainer
    margins = logged(trainer, "rewards/margins")
    assert margins[0] == pytest.approx(0, abs=1e-3)
    assert margins[-1] > 0.1
    assert logged(trainer, "rewards/accuracies")[-1] == 1


def test_kto_lifts_good_answers_over_bad_ones(runs: Callable[[Any], Run]) -> None:
    trainer = runs(kto).trainer
    assert logged(trainer, "loss")[0] == pytest.approx(0.5, abs=1e-3)
    assert logged(trainer, "rewards/margins")[-1] > 0.1


def test_the_references_log_probabilities_are_those_of_the_model_as_it_comes(
    tiny_base: Path,
) -> None:
    import torch

    model = going_on(tiny_base)
    trainer = dpo(model, tiny_base)
    row = trainer.train_dataset[0]
    ids = torch.tensor([row["prompt_ids"] + row["chosen_ids"]])
    with torch.no_grad():
        scores = torch.log_softmax(model(input_ids=ids, use_cache=False).logits[0, :-1], dim=-1)
    said = scores.gather(1, ids[0, 1:, None])[-len(row["chosen_ids"]) :].sum()
    assert row["ref_chosen_logps"] == pytest.approx(said.item(), abs=1e-3)


@pytest.mark.parametrize("make", [dpo, kto])
def test_one_adapter_is_left_and_saved_and_it_alone_was_trained(
    make: Any, tmp_path: Path, runs: Callable[[Any], Run]
) -> None:
    from safetensors.torch import load_file

    run = runs(make)
    assert list(run.model.peft_config) == [*run.model.active_adapters] == ["default"]
    moved = weights(run.model)
    assert run.before.keys() == moved.keys()
    assert any(not run.before[name].equal(moved[name]) for name in moved)
    now = dict(run.model.named_parameters())
    assert all(weight.equal(now[name]) for name, weight in run.base.items())
    run.model.save_pretrained(tmp_path)
    assert not (tmp_path / "ref").exists()
    assert not [name for name in load_file(tmp_path / WEIGHTS) if "ref" in name]


@pytest.mark.parametrize("make", [dpo, kto])
def test_equal_inputs_give_equal_bytes(
    make: Any, tiny_base: Path, tmp_path: Path, runs: Callable[[Any], Run]
) -> None:
    for name, run in (("one", runs(make)), ("other", Run(make, tiny_base))):
        run.model.save_pretrained(tmp_path / name)
    one, other = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("one", "other"))
    assert one == other


def test_the_end_of_an_answer_is_learnt_and_its_prompt_is_not(tiny_base: Path) -> None:
    trainer = dpo(going_on(tiny_base), tiny_base)
    tokenizer, row = trainer.processing_class, trainer.train_dataset[0]
    assert tokenizer.decode(row["prompt_ids"]).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(row["chosen_ids"]).strip() == f"{PAIRS[0].chosen}<|im_end|>"
    assert tokenizer.decode(row["rejected_ids"]).strip() == f"{PAIRS[0].rejected}<|im_end|>"


def test_kto_holds_each_prompt_against_another_ones_answer(tiny_base: Path) -> None:
    trainer = kto(going_on(tiny_base), tiny_base)
    own = {
        (tuple(row["prompt_ids"]), tuple(row["completion_ids"])) for row in trainer.train_dataset
    }
    crossed = [
        (tuple(row["prompt_ids"]), tuple(row["KL_completion_ids"])) for row in trainer.train_dataset
    ]
    assert sum(pair in own for pair in crossed) < len(crossed) / 4


def test_kto_wants_good_answers_and_bad_ones(tiny_base: Path) -> None:
    with pytest.raises(InputError, match="no bad answers, or no good ones"):
        kto(going_on(tiny_base), tiny_base, [one for one in RATED if one.good])


def test_what_is_longer_than_the_base_reads_is_left_out_and_said(
    tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = PairExample(asked("Tell me all."), "word " * 3000, "No.")
    trainer = dpo(going_on(tiny_base), tiny_base, [*PAIRS, long])
    assert len(trainer.train_dataset) == len(PAIRS)
    assert "1 of 9 left out: longer than the base reads, 2048 tokens" in capsys.readouterr().out
