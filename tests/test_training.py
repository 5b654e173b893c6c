"""What QLoRA must hold here: loss on answers alone, honest gradients, equal bytes, no pickle."""

import json
import subprocess
import sys
from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file
from trl import SFTTrainer

from registry.canonical import digest_folder
from registry.errors import InputError
from registry.models import ModelChoice, pin
from registry.records import Adapter, DatasetVersion, Row, Split, write_records
from tests.conftest import ROOT
from training.model import load_quantized, lora_config
from training.params import TrainingParams
from training.train import make_trainer

pytestmark = pytest.mark.slow

PARAMS = TrainingParams(r=4, batch_size=2, epochs=1)


def rows(count: int = 4) -> tuple[Row, ...]:
    return tuple(
        Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="test")
        for i in range(count)
    )


@pytest.fixture
def trainer(base_model: Path, tmp_path: Path) -> SFTTrainer:
    return make_trainer(rows(), base_model, PARAMS, tmp_path / "curve")


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
    assert len(quantised) == 30 * 7
    assert all(m.weight.quant_type == "nf4" for m in quantised)
    assert all(m.weight.quant_state.nested for m in quantised)


def gradients(model: PeftModel, ids: torch.Tensor) -> list[torch.Tensor]:
    model.train()
    model.zero_grad()
    model(input_ids=ids, labels=ids).loss.backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def test_an_eval_pass_leaves_later_gradients_as_they_were(base_model: Path) -> None:
    torch.manual_seed(0)
    config = lora_config(PARAMS.model_copy(update={"dropout": 0.0}))
    model = get_peft_model(load_quantized(base_model), config)
    ids = torch.arange(100, 120).unsqueeze(0)
    before = gradients(model, ids)
    model.eval()
    with torch.inference_mode():
        model(input_ids=ids)
    after = gradients(model, ids)
    assert before
    assert all(torch.equal(b, a) for b, a in zip(before, after, strict=True))


def test_a_row_that_would_be_cut_is_refused_by_name(base_model: Path, tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"max_length": 30})
    with pytest.raises(InputError, match=r"train\.jsonl: completion: row .* has \d+ tokens"):
        make_trainer(rows(), base_model, params, tmp_path / "curve")


@pytest.fixture
def project(base_model: Path) -> None:
    """The inputs of stage `train`, in the current folder."""
    Path("params.yaml").write_text("training: {r: 4, batch_size: 2}\n")
    pin(ModelChoice(model=str(base_model)), "base").write(Path("outputs/base.json"))
    dataset = DatasetVersion(rows="1" * 64, splits={}, sources=(), contract="2" * 64)
    dataset.write(Path("outputs/dataset.json"))
    write_records(Path("datasets/curated") / f"{Split.TRAIN}.jsonl", rows(8))


def train(hash_seed: str) -> str:
    subprocess.run(
        [sys.executable, "-m", "training.train"],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    return digest_folder(Path("outputs/adapter"))


def test_a_repository_without_a_commit_is_told_what_to_do(base_model: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    with pytest.raises(InputError, match="commit the project once"):
        make_trainer(rows(), base_model, PARAMS, tmp_path / "curve")


def test_equal_inputs_give_equal_bytes_and_nothing_but_safetensors_and_json(project: None) -> None:
    first = train(hash_seed="1")
    assert train(hash_seed="2") == first
    assert Adapter.read(Path("outputs/adapter.json")).files == first
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
