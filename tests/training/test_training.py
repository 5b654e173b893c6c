"""What QLoRA must hold here: loss on answers alone, honest gradients, equal bytes, no pickle."""

import gc
import json
import os
import shutil
import subprocess
import sys
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import pytest
import torch
import yaml
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn.functional import cosine_similarity
from torch.testing import assert_close
from transformers import Trainer

from project import paths
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.model_pins import ModelChoice, pin
from project.records.adapters import Adapter, Contestant, ModelPin, Numerics
from project.records.data import DatasetVersion, Document, Row, Split
from project.records.record import write_records
from tests.conftest import BASE, NUMERICS, READ_BY_LIBRARIES, ROOT
from training import train
from training.kept.running_book import LearningCurve
from training.model.base_model import load_base
from training.model.lora import add_adapter
from training.model.usable_base import refuse_quantized
from training.recipe import Recipe, StepRecord
from training.steps.earlier import Earlier, leave_out
from training.steps.run_step import StepContext, learn, model_of, prepare, trained_with
from training.steps.sft_step import domain_step_data, sft_step_data
from training.training_settings import AdapterParams, DomainParams, SftParams

pytestmark = pytest.mark.slow

ADAPTER = AdapterParams(r=4, dequantize_once=False)
SFT = SftParams(batch_size=2, evaluations=2)


def rows(count: int = 4) -> tuple[Row, ...]:
    return tuple(
        Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="test")
        for i in range(count)
    )


def trainer_on(base: Path, adapter: AdapterParams = ADAPTER, dev: tuple[Row, ...] = ()) -> Trainer:
    pinned = pin(ModelChoice(model=str(base)), "base")
    ground = StepContext(Contestant(base=pinned), NUMERICS, adapter)
    return sft_step_data(rows(), dev, SFT).trainer(*model_of(ground), ground)


@pytest.fixture
def trainer(tiny_base: Path) -> Trainer:
    return trainer_on(tiny_base)


def test_only_the_adapter_is_trainable_and_the_base_is_in_four_bits(trainer: Trainer) -> None:
    trainable = [name for name, p in trainer.model.named_parameters() if p.requires_grad]
    assert trainable
    assert all("lora_" in name for name in trainable)
    quantised = [m for m in trainer.model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    assert len(quantised) == 3 * 7
    assert all(m.weight.quant_type == "nf4" for m in quantised)
    assert all(m.weight.quant_state.nested for m in quantised)


def with_adapter(base: Path, numerics: Numerics, **changed: Any) -> PeftModel:
    """A fresh adapter on the base as a recipe loads it; it does something already."""
    params = ADAPTER.model_copy(update={"dropout": 0.0} | changed)
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
    assert quantised(packed).dequantized is False
    assert quantised(once).dequantized is True
    assert not any(isinstance(module, bnb.nn.Linear4bit) for module in once.modules())
    assert_close(gradients(once), gradients(packed), rtol=1e-4, atol=1e-6)
    plain = gradients(with_adapter(tiny_base, NUMERICS, quantization="none"))
    assert cosine_similarity(gradients(once), plain, dim=0) < 0.999  # four bits are seen


def quantised(model: PeftModel) -> Numerics:
    bare = Contestant(base=BASE)
    return trained_with(model, StepContext(bare, NUMERICS, ADAPTER))


@pytest.mark.parametrize("quantization", ["int8", "none"])
def test_other_quantisations_train_too(quantization: str, tiny_base: Path) -> None:
    trainer = trainer_on(tiny_base, AdapterParams(r=4, quantization=quantization))
    trainer.train()
    learnt = [p for name, p in trainer.model.named_parameters() if "lora_B" in name]
    assert any(weight.count_nonzero() for weight in learnt)


def test_the_setting_and_no_variable_decides_the_precision() -> None:
    """In a process for each: accelerate keeps what it once was told."""
    code = """
import os
from accelerate import Accelerator
from trl import SFTConfig
from training.steps.run_step import step_arguments
from training.training_settings import AdapterParams, SftParams
for precision in ("float32", "bfloat16"):
    if not os.fork():
        config = SFTConfig(**step_arguments(SftParams(), AdapterParams(), precision, 4))
        print(config.mixed_precision, Accelerator(cpu=True).mixed_precision, flush=True)
        os._exit(0)
    os.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ACCELERATE_MIXED_PRECISION": "fp16"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["no no", "bf16 bf16"]


def adapter_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: p for name, p in trainer.model.named_parameters() if p.requires_grad}


def test_an_adapter_starts_alike_on_packed_and_on_dequantised_weights(tiny_base: Path) -> None:
    packed, once = (
        adapter_of(
            trainer_on(tiny_base, ADAPTER.model_copy(update={"dequantize_once": dequantized}))
        )
        for dequantized in (False, True)
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
        InputError, match=r"training\.adapter\.quantization: .*no backend.*none does without"
    ):
        load_base(tiny_base, ADAPTER, NUMERICS)


def lay_out(tiny_base: Path) -> None:
    """The inputs of the training stages, in the current folder."""
    write_params()
    pin(ModelChoice(model=str(tiny_base)), "base").write(paths.BASE)
    dataset = DatasetVersion(rows="1" * 64, splits={}, sources=(), contract="2" * 64)
    dataset.write(paths.DATASET)
    write_records(paths.rows_of(Split.TRAIN), rows(8))
    write_records(paths.rows_of(Split.DEV), rows(2))
    write_records(paths.CURATED_DOCUMENTS, [Document.of(TEXT, source="policies.md")])


@pytest.fixture
def project(tiny_base: Path) -> None:
    lay_out(tiny_base)


@pytest.fixture(scope="module")
def trained_folder(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its training stages."""
    folder = tmp_path_factory.mktemp("trained")
    with chdir(folder):
        lay_out(tiny_base)
        stages(*STAGES)
    return folder


@pytest.fixture
def in_trained_project(trained_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained_folder)


TEXT = "A transfer to another bank takes one day. A card is blocked at once. " * 4


def write_params(domain: int = 0, sft: int = 1) -> None:
    Path("params.yaml").write_text(
        f"""base: {{max_length: 32}}
training:
  adapter: {{r: 4}}
  domain: {{epochs: {domain}}}
  sft: {{epochs: {sft}, batch_size: 2, evaluations: 2}}
"""
    )


def stages(*names: str) -> None:
    for name in names:
        import_module(f"training.{name}").main()
    gc.collect()  # a trainer is full of circles


def in_another_process(name: str) -> None:
    subprocess.run(
        [Path(sys.executable).with_name("incumbent"), "stage", name],
        env=READ_BY_LIBRARIES
        | {"PYTHONHASHSEED": "2", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=True,
    )


STAGES = ("start", "domain", "sft", "distill", "dpo", "kto", "train")


def test_a_repository_without_a_commit_is_told_what_to_do(project: None) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    with pytest.raises(InputError, match="commit the project once"):
        LearningCurve(Path("curve"))


@pytest.mark.usefixtures("in_trained_project")
def test_equal_inputs_give_equal_bytes_and_nothing_but_safetensors_and_json() -> None:
    first = digest_folder(paths.step_of("sft"))
    in_another_process("sft")
    card = Adapter.read(paths.ADAPTER)
    assert digest_folder(paths.step_of("sft")) == first
    assert card.files == digest_folder(paths.ADAPTER_FILES)
    assert card.numerics is not None
    assert (card.numerics.quantization, card.numerics.dequantized) == ("nf4", True)
    assert sorted(path.name for path in paths.ADAPTER_FILES.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "recipe.json",
    ]
    config = json.loads((paths.ADAPTER_FILES / "adapter_config.json").read_bytes())
    assert len(config["target_modules"]) == 7
    weights = load_file(paths.ADAPTER_FILES / "adapter_model.safetensors")
    assert any(weight.count_nonzero() for name, weight in weights.items() if "lora_B" in name)
    curve = (paths.step_of("sft") / "plots/metrics/loss.tsv").read_text().splitlines()
    assert len(curve) == 1 + 4


def test_each_step_goes_on_from_the_one_before(project: None) -> None:
    write_params(domain=1)
    stages(*STAGES)
    domain, sft, dpo = (
        StepRecord.read(paths.step_of(name) / "step.json") for name in ("domain", "sft", "dpo")
    )
    assert (domain.adapter is None, sft.adapter is None, dpo.adapter) == (False, False, None)
    assert domain.recipe is not None and sft.recipe is not None
    assert (domain.recipe.taken, sft.recipe.taken) == (("domain",), ("domain", "sft"))
    assert Adapter.read(paths.ADAPTER).files == sft.adapter
    write_params(domain=1, sft=0)
    stages("sft", "distill", "dpo", "kto", "train")
    assert Adapter.read(paths.ADAPTER).files == domain.adapter


def test_a_pipeline_from_before_there_was_a_step_distill_trains_as_it_did(
    trained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained_folder, "before")
    monkeypatch.chdir("before")
    for made in (paths.step_of("distill"), paths.ADAPTER_FILES):
        shutil.rmtree(made)
    stages("dpo", "kto", "train")
    assert Recipe.read(paths.ADAPTER_FILES / "recipe.json").taken == ("sft",)


def test_a_damaged_adapter_of_the_step_before_is_refused(project: None) -> None:
    write_params(domain=1)
    stages("start", "domain")
    weights = paths.step_of("domain") / "adapter/adapter_model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(IncumbentError, match="is not what its step wrote"):
        stages("sft")


def test_training_that_moves_nothing_is_told_on_any_step(tiny_base: Path, tmp_path: Path) -> None:
    pinned = pin(ModelChoice(model=str(tiny_base)), "base")
    ground = StepContext(Contestant(base=pinned), NUMERICS, ADAPTER)
    learn(prepare(sft_step_data(rows(), (), SFT), ground), tmp_path / "first")
    going_on = StepContext(ground.base, NUMERICS, ADAPTER, Earlier(tmp_path / "first"))
    run = prepare(sft_step_data(rows(), (), SFT), going_on)
    with pytest.raises(IncumbentError, match="training changed nothing"):
        learn(run, tmp_path / "second", train=lambda trainer: None)


@pytest.mark.usefixtures("in_trained_project")
def test_the_loss_on_dev_is_measured_before_and_after() -> None:
    record = StepRecord.read(paths.step_of("sft") / "step.json")
    assert record.loss_before is not None and record.loss_after is not None
    assert record.loss_after < record.loss_before
    assert record.tokens and record.optimizer_steps == 4
    curve = (paths.step_of("sft") / "plots/metrics/eval_loss.tsv").read_text().splitlines()
    assert [line.split()[0] for line in curve[1:]] == ["0", "2", "4"]


@pytest.mark.usefixtures("in_trained_project")
def test_every_curve_that_dvc_draws_is_there() -> None:
    leave_out("grpo")  # whose stage stands elsewhere
    drawn = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    files = [file for plot in drawn for one in plot.values() for file in one["y"]]
    ours = [file for file in files if "steps/" in file]
    assert len(ours) == 16
    assert all(Path(file).is_file() for file in ours)


def test_without_any_step_nothing_is_trained(project: None) -> None:
    write_params(sft=0)
    stages(*STAGES[:-1])
    with pytest.raises(InputError, match="every step is left out"):
        train.main()


def test_texts_are_learnt_in_pieces_of_base_max_length_and_another_one_is_other_data(
    project: None,
) -> None:
    longest, data = [], set[str]()
    for window in (8, 32):
        Path("params.yaml").write_text(f"base: {{max_length: {window}}}\n")
        ground = StepContext(Contestant(base=ModelPin.read(paths.BASE)), NUMERICS, ADAPTER)
        step = domain_step_data(DomainParams(epochs=1, replay=0), ground)
        learner = step.trainer(*model_of(ground), ground)
        longest.append(max(len(piece["input_ids"]) for piece in learner.train_dataset))
        data.add(step.data)
    assert longest[0] <= 8 < longest[1] <= 32
    assert len(data) == 2
