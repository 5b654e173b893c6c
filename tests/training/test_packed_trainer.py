"""The trainer on packed rows learns as TRL's does on padded ones, and measures what it says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from torch.testing import assert_close
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    FalconConfig,
    LlamaConfig,
    MixtralConfig,
    PretrainedConfig,
    PrinterCallback,
)
from trl import SFTConfig, SFTTrainer

from project.errors import InputError
from project.libraries import mix_precision
from training.rows.row_tokens import RowTokens
from training.steps.packed_trainer import PackedTrainer, packed_trainer

pytestmark = pytest.mark.slow

SHAPE = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
LLAMA = LlamaConfig(**SHAPE)
FALCON = FalconConfig(
    vocab_size=100, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, alibi=True
)
MIXTRAL = MixtralConfig(**SHAPE, num_local_experts=2, router_aux_loss_coef=0.1)


def row(asked: int, *ids: int) -> RowTokens:
    """One of which the first tokens are a prompt."""
    return RowTokens(ids, tuple(place >= asked for place in range(len(ids))))


# Of different lengths, and with one, five, two and six tokens to learn.
ROWS = [
    row(4, 2, 3, 4, 5, 6),
    row(3, 2, 3, 4, 7, 8, 9, 10, 11),
    row(2, 20, 21, 22, 23),
    row(5, 2, 3, 4, 30, 31, 32, 33, 34, 35, 36, 37),
]


def made(config: PretrainedConfig = LLAMA, dropout: float = 0.0) -> PeftModel:
    torch.manual_seed(0)
    lora = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4, lora_dropout=dropout)
    model = get_peft_model(AutoModelForCausalLM.from_config(config), lora)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return model


def arguments(folder: Path, batch: int, accumulated: int = 1, **more: Any) -> SFTConfig:
    return SFTConfig(
        **{"num_train_epochs": 1} | more,
        output_dir=str(folder),
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulated,
        per_device_eval_batch_size=3,
        train_sampling_strategy="sequential",
        gradient_checkpointing=False,
        learning_rate=0.01,
        use_cpu=True,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        logging_steps=1,
        include_num_input_tokens_seen="non_padding",
        save_strategy="no",
        report_to="none",
        **mix_precision("float32"),
    )


@pytest.fixture
def tokenizer(word_base: Path) -> Any:
    return AutoTokenizer.from_pretrained(word_base)


def trained_by_us(
    tokenizer: Any, args: SFTConfig, model: PeftModel | None = None, **more: Any
) -> PackedTrainer:
    trainer = packed_trainer(model or made(), tokenizer, ROWS, args, **more)
    assert isinstance(trainer, PackedTrainer)
    trainer.remove_callback(PrinterCallback)
    return trainer


def trained_by_trl(tokenizer: Any, args: SFTConfig, model: PeftModel) -> SFTTrainer:
    args.max_length = None
    columns = {"input_ids": [one.ids for one in ROWS], "labels": [one.labels for one in ROWS]}
    dataset = Dataset.from_dict(columns)
    return SFTTrainer(model=model, args=args, train_dataset=dataset, processing_class=tokenizer)


def first_gradients(trainer: SFTTrainer) -> dict[str, torch.Tensor]:
    """Of the first step of the optimiser, before they are clipped."""
    batches = trainer.args.gradient_accumulation_steps
    device = trainer.args.device
    samples, count = trainer.get_batch_samples(
        iter(trainer.get_train_dataloader()), batches, device
    )
    trainer.current_gradient_accumulation_steps = len(samples)
    for batch in samples:
        trainer.training_step(trainer.model, batch, count)
    return {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}


def weights(trainer: SFTTrainer) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in trainer.model.named_parameters() if p.requires_grad}


# --- as exact as TRL ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(4, 1), (2, 2)], ids=["4 at once", "2 twice"])
def test_a_step_has_the_gradients_of_trls(
    size: tuple[int, int], tokenizer: Any, tmp_path: Path
) -> None:
    ours = trained_by_us(tokenizer, arguments(tmp_path, *size))
    theirs = trained_by_trl(tokenizer, arguments(tmp_path, *size), made())
    assert ours.packs
    assert_close(first_gradients(ours), first_gradients(theirs), rtol=1e-4, atol=1e-6)


def test_batches_that_are_accumulated_have_the_gradients_of_the_large_one(
    tokenizer: Any, tmp_path: Path
) -> None:
    at_once = first_gradients(trained_by_us(tokenizer, arguments(tmp_path, 4)))
    twice = first_gradients(trained_by_us(tokenizer, arguments(tmp_path, 2, 2)))
    one_by_one = first_gradients(trained_by_us(tokenizer, arguments(tmp_path, 1, 4)))
    assert_close(twice, at_once, rtol=1e-4, atol=1e-6)
    assert_close(one_by_one, at_once, rtol=1e-4, atol=1e-6)


def test_a_run_ends_where_trls_ends(tokenizer: Any, tmp_path: Path) -> None:
    ours = trained_by_us(tokenizer, arguments(tmp_path, 2, num_train_epochs=2))
    theirs = trained_by_trl(tokenizer, arguments(tmp_path, 2, num_train_epochs=2), made())
    theirs.remove_callback(PrinterCallback)
    begin = {name: weight.clone() for name, weight in weights(ours).items()}
    ours.train()
    theirs.train()
    assert_close(weights(ours), weights(theirs), rtol=1e-3, atol=1e-4)
    assert all((weight != begin[name]).any() for name, weight in weights(ours).items())


def learnt(tokenizer: Any, args: SFTConfig) -> tuple[dict[str, torch.Tensor], PackedTrainer]:
    """The weights after a run with dropout."""
    trainer = trained_by_us(tokenizer, args, made(dropout=0.2), held_out=ROWS)
    trainer.train()
    return weights(trainer), trainer


def test_equal_inputs_give_equal_bytes_with_dropout_too(tokenizer: Any, tmp_path: Path) -> None:
    first, _ = learnt(tokenizer, arguments(tmp_path, 2))
    second, _ = learnt(tokenizer, arguments(tmp_path, 2))
    other, _ = learnt(tokenizer, arguments(tmp_path, 2, seed=7))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


# --- what it measures ---------------------------------------------------------------------------


def loss_by_hand(model: PeftModel, rows: Sequence[RowTokens]) -> float:
    """A learnt token's, of each row alone, by the model's own logits."""
    total = count = 0.0
    with torch.no_grad():
        for one in rows:
            logits = model(input_ids=torch.tensor([one.ids])).logits[0]
            log = logits.log_softmax(-1)
            for place in range(1, len(one)):
                if one.learnt[place]:
                    total -= float(log[place - 1, one.ids[place]])
                    count += 1
    return total / count


@pytest.mark.parametrize("packs", [True, False], ids=["packed", "padded"])
def test_the_loss_held_out_is_of_each_token_alike_and_without_dropout(
    packs: bool, tokenizer: Any, tmp_path: Path
) -> None:
    model = made(dropout=0.5)
    trainer = trained_by_us(tokenizer, arguments(tmp_path, 2), model, held_out=ROWS)
    trainer.packs = packs
    measured = trainer.evaluate()["eval_loss"]
    assert measured == pytest.approx(loss_by_hand(model.eval(), ROWS), rel=1e-5)


def test_measuring_changes_no_gradient_that_comes_after(tokenizer: Any, tmp_path: Path) -> None:
    plain = trained_by_us(tokenizer, arguments(tmp_path, 4), held_out=ROWS)
    measured = trained_by_us(tokenizer, arguments(tmp_path, 4), held_out=ROWS)
    measured.evaluate()
    assert_close(first_gradients(measured), first_gradients(plain), rtol=0, atol=0)


def test_measuring_while_it_trains_changes_no_byte(tokenizer: Any, tmp_path: Path) -> None:
    plain, _ = learnt(tokenizer, arguments(tmp_path, 1))
    often = arguments(tmp_path, 1, eval_strategy="steps", eval_steps=1)
    watched, trainer = learnt(tokenizer, often)
    assert sum("eval_loss" in entry for entry in trainer.state.log_history) == len(ROWS)
    assert all(torch.equal(plain[name], watched[name]) for name in plain)


def test_tokens_are_counted_as_the_rows_have_them(tokenizer: Any, tmp_path: Path) -> None:
    trainer = trained_by_us(tokenizer, arguments(tmp_path, 2))
    trainer.train()
    assert trainer.state.num_input_tokens_seen == sum(map(len, ROWS))


# --- what it does not know ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "reason"),
    [(FALCON, "this kind of model"), (MIXTRAL, "experts")],
    ids=["Falcon with ALiBi", "Mixtral with a loss of its experts' load"],
)
def test_a_model_that_takes_no_packed_rows_is_trained_as_trl_does(
    config: PretrainedConfig,
    reason: str,
    tokenizer: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours = trained_by_us(tokenizer, arguments(tmp_path, 2), made(config), held_out=ROWS)
    assert not ours.packs
    assert "rows are padded, not packed, which takes longer: " in (said := capsys.readouterr().out)
    assert reason in said
    theirs = trained_by_trl(tokenizer, arguments(tmp_path, 2), made(config))
    assert_close(first_gradients(ours), first_gradients(theirs), rtol=1e-4, atol=1e-6)
    assert ours.evaluate()["eval_loss"] > 0


def test_a_loss_on_packed_rows_that_differs_is_found_out(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from training.model import row_attention

    seeing_all = row_attention.hidden_mask
    monkeypatch.setattr(
        row_attention, "hidden_mask", lambda *given: torch.zeros_like(seeing_all(*given))
    )
    assert not trained_by_us(tokenizer, arguments(tmp_path, 2)).packs
    assert "gives another loss on them" in capsys.readouterr().out


def test_rows_that_teach_nothing_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    silent = RowTokens((1, 2, 3), (True, False, False))  # nothing stands before the first token
    with pytest.raises(InputError, match="no row or document has a token to learn"):
        packed_trainer(made(), tokenizer, [silent], arguments(tmp_path, 2))
