"""What QLoRA must hold here: loss on answers alone, honest gradients, equal bytes, no pickle."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn.functional import cosine_similarity
from torch.testing import assert_close
from trl import SFTTrainer

from project.canonical import digest_folder
from project.errors import InputError
from project.model_pins import ModelChoice, pin
from project.records.adapters import Adapter, Numerics
from project.records.data import DatasetVersion, Row, Split
from project.records.record import write_records
from tests.conftest import NUMERICS, ROOT, caps
from training.base import refuse_quantized
from training.lora_model import add_adapter, load_base
from training.train import make_trainer, trained_with
from training.training_settings import TrainingParams

pytestmark = pytest.mark.slow

PARAMS = TrainingParams(r=4, batch_size=2, epochs=1, dequantize_once=False)


def rows(count: int = 4) -> tuple[Row, ...]:
    return tuple(
        Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="test")
        for i in range(count)
    )


@pytest.fixture
def trainer(tiny_base: Path, tmp_path: Path) -> SFTTrainer:
    return make_trainer(rows(), tiny_base, PARAMS, NUMERICS, tmp_path / "curve")


def test_the_loss_is_on_the_completion_and_its_end_alone(trainer: SFTTrainer) -> None:
    batch = next(iter(trainer.get_train_dataloader()))
    for labels in batch["labels"]:
        learnt = trainer.processing_class.decode(labels[labels != -100])
        assert learnt.startswith("It is ")
        assert "What" not in learnt
        assert "<|im_end|>" in learnt


def test_only_the_adapter_is_trainable_and_the_base_is_in_four_bits(trainer: SFTTrainer) -> None:
    trainable = [name for name, p in trainer.model.named_parameters() if p.requires_grad]
    assert trainable
    assert all("lora_" in name for name in trainable)
    quantised = [m for m in trainer.model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    assert len(quantised) == 3 * 7
    assert all(m.weight.quant_type == "nf4" for m in quantised)
    assert all(m.weight.quant_state.nested for m in quantised)


def with_adapter(base: Path, numerics: Numerics, **changed: Any) -> PeftModel:
    """A fresh adapter on the base as a recipe loads it; it does something already."""
    params = PARAMS.model_copy(update={"dropout": 0.0} | changed)
    model = add_adapter(load_base(base, params, numerics), params, numerics)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.01)
    return model


def gradients(model: PeftModel) -> torch.Tensor:
    """Of all trainable weights, as one row."""
    ids = torch.arange(100, 120).unsqueeze(0)
    model.train()
    model.zero_grad()
    model(input_ids=ids, labels=ids).loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_an_eval_pass_leaves_later_gradients_as_they_were(tiny_base: Path) -> None:
    bf16 = NUMERICS.model_copy(update={"precision": "bfloat16"})  # what the repacking is about
    model = with_adapter(tiny_base, bf16)
    packed = [m for m in model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    assert packed
    assert not any(module.support_avx512bf16_for_cpu for module in packed)
    before = gradients(model)
    model.eval()
    with torch.inference_mode():
        model(input_ids=torch.arange(100, 120).unsqueeze(0))
    assert torch.equal(gradients(model), before)


def test_weights_that_were_dequantised_once_give_the_same_gradients(tiny_base: Path) -> None:
    packed = with_adapter(tiny_base, NUMERICS)
    once = with_adapter(tiny_base, NUMERICS, dequantize_once=True)
    assert trained_with(packed, PARAMS, NUMERICS).dequantized is False
    assert trained_with(once, PARAMS, NUMERICS).dequantized is True
    assert not any(isinstance(module, bnb.nn.Linear4bit) for module in once.modules())
    assert_close(gradients(once), gradients(packed), rtol=1e-4, atol=1e-6)
    plain = gradients(with_adapter(tiny_base, NUMERICS, quantization="none"))
    assert cosine_similarity(gradients(once), plain, dim=0) < 0.999  # four bits are seen


@pytest.mark.parametrize("quantization", ["int8", "none"])
def test_other_quantisations_train_too(quantization: str, tiny_base: Path, tmp_path: Path) -> None:
    params = TrainingParams(r=4, batch_size=2, quantization=quantization)
    trainer = make_trainer(rows(), tiny_base, params, NUMERICS, tmp_path / "curve")
    trainer.train()
    learnt = [p for name, p in trainer.model.named_parameters() if "lora_B" in name]
    assert any(weight.count_nonzero() for weight in learnt)
    assert trained_with(trainer.model, params, NUMERICS).quantization == quantization


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_setting_and_no_variable_decides_the_precision(precision: str) -> None:
    """In a process of its own: accelerate keeps what it once was told."""
    code = f"""
import torch
from accelerate import Accelerator
from training.training_settings import TrainingParams
from training.train import sft_config
config = sft_config(TrainingParams(), {precision!r}, 4)
print(config.mixed_precision, Accelerator(cpu=True).mixed_precision)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ACCELERATE_MIXED_PRECISION": "fp16"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {"float32": "no", "bfloat16": "bf16"}[precision]
    assert done.stdout.split() == [expected, expected]


def adapter_of(trainer: SFTTrainer) -> dict[str, torch.Tensor]:
    return {name: p for name, p in trainer.model.named_parameters() if p.requires_grad}


def test_an_adapter_starts_alike_on_packed_and_on_dequantised_weights(
    tiny_base: Path, tmp_path: Path
) -> None:
    packed, once = (
        adapter_of(make_trainer(rows(), tiny_base, params, NUMERICS, tmp_path / "curve"))
        for params in (PARAMS, PARAMS.model_copy(update={"dequantize_once": True}))
    )
    assert {weight.dtype for weight in packed.values()} == {torch.float32}
    assert all(torch.equal(once[name], weight) for name, weight in packed.items())


def test_a_base_that_is_quantised_already_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(InputError, match=r"config\.json: base\.model: is quantised already"):
        refuse_quantized(tmp_path)
    config.write_text(json.dumps({"quantization_config": None}))  # says that it is not
    refuse_quantized(tmp_path)


def test_where_bitsandbytes_has_no_backend_the_setting_that_helps_is_named(
    monkeypatch: pytest.MonkeyPatch, tiny_base: Path
) -> None:
    def none_for_this_platform(*_: object, **__: object) -> None:
        raise RuntimeError("no backend for this platform")

    monkeypatch.setattr(bnb.functional, "quantize_4bit", none_for_this_platform)
    with pytest.raises(
        InputError, match=r"training\.quantization: .*no backend.*none does without"
    ):
        load_base(tiny_base, PARAMS, NUMERICS)


@pytest.fixture
def project(tiny_base: Path) -> None:
    """The inputs of stage `train`, in the current folder."""
    Path("params.yaml").write_text("training: {r: 4, batch_size: 2}\n")
    pin(ModelChoice(model=str(tiny_base)), "base").write(Path("outputs/base.json"))
    dataset = DatasetVersion(rows="1" * 64, splits={}, sources=(), contract="2" * 64)
    dataset.write(Path("outputs/dataset.json"))
    write_records(Path("datasets/curated") / f"{Split.TRAIN}.jsonl", rows(8))


def train(hash_seed: str) -> str:
    subprocess.run(
        [Path(sys.executable).with_name("incumbent"), "stage", "train"],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        | caps(),
        check=True,
    )
    return digest_folder(Path("outputs/adapter"))


def test_a_repository_without_a_commit_is_told_what_to_do(tiny_base: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    with pytest.raises(InputError, match="commit the project once"):
        make_trainer(rows(), tiny_base, PARAMS, NUMERICS, tmp_path / "curve")


def test_equal_inputs_give_equal_bytes_and_nothing_but_safetensors_and_json(project: None) -> None:
    first = train(hash_seed="1")
    assert train(hash_seed="2") == first
    card = Adapter.read(Path("outputs/adapter.json"))
    assert card.files == first
    assert card.numerics is not None
    assert (card.numerics.quantization, card.numerics.dequantized) == ("nf4", True)
    assert sorted(path.name for path in Path("outputs/adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "recipe.json",
    ]
    config = json.loads(Path("outputs/adapter/adapter_config.json").read_bytes())
    assert len(config["target_modules"]) == 7
    weights = load_file("outputs/adapter/adapter_model.safetensors")
    assert any(weight.count_nonzero() for name, weight in weights.items() if "lora_B" in name)
    curve = Path("outputs/training/plots/metrics/loss.tsv").read_text().splitlines()
    assert len(curve) == 1 + 4
