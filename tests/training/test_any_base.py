"""Any base: those of each family are trained, answer and are exported; what is unfit is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from project.canonical import digest_folder
from project.errors import InputError
from project.model_pins import BaseChoice, pin
from project.records.adapters import Contestant, Quantization
from project.records.data import Row
from registry.adapter_import.adapter_folder import admit
from tests.architectures import ARCHITECTURES, LAYERS, save_tiny
from tests.conftest import NUMERICS
from training.model.base_model import load_base
from training.model.lora import add_adapter, layers_of, read_layers, refuse_too_large, refuse_unfit
from training.steps.run_step import StepContext
from training.steps.sft_step import train_sft
from training.training_settings import AdapterParams, SftParams

pytestmark = pytest.mark.slow

FAMILIES = tuple(ARCHITECTURES)
QUANTISED = tuple(name for name in FAMILIES if name != "mixtral")
GIB = 1 << 30

Bases = Callable[[str], Path]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Bases:
    """The tiny base of a family, made once."""
    folder = tmp_path_factory.mktemp("bases")
    return lambda name: (
        folder / name if (folder / name).is_dir() else save_tiny(name, folder / name)
    )


def rows(count: int = 4) -> tuple[Row, ...]:
    return tuple(
        Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="test")
        for i in range(count)
    )


def trained(base: Path, folder: Path, **adapter: Any) -> Path:
    """An adapter after two steps."""
    settings = AdapterParams(r=4, **({"quantization": "none"} | adapter))
    contestant = Contestant(base=pin(BaseChoice(model=str(base)), "base"))
    params = SftParams(epochs=1, batch_size=2, learning_rate=1e-2)
    folder.mkdir()
    record = train_sft(rows(), (), StepContext(contestant, NUMERICS, settings), params, folder)
    assert record.adapter == digest_folder(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_is_trained_loads_again_is_admitted_and_changes_answers(
    family: str, bases: Bases, tmp_path: Path
) -> None:
    base = bases(family)
    adapter = trained(base, tmp_path / "adapter")
    config = json.loads((adapter / "adapter_config.json").read_bytes())
    assert config["target_modules"] == sorted(ARCHITECTURES[family].linear)
    with admit(adapter, pin(BaseChoice(model=str(base)), "base"), base) as admitted:
        assert len(admitted.origin.norms) == LAYERS * len(ARCHITECTURES[family].linear)
    bare, tuned = (answers(base, None), answers(base, adapter))
    assert bare != tuned
    assert tuned == by_generate(base, adapter)


def answers(base: Path, adapter: Path | None) -> list[str]:
    """Of prompts of several lengths, side by side."""
    model = AnsweringModel(base, adapter, Decoding(max_new_tokens=16, batch_size=3), "float32")
    found = {answer.item: answer.text for answer in model.answer(rows())}
    return [found[row.id] for row in rows()]


def by_generate(base: Path, adapter: Path) -> list[str]:
    """The same by transformers and PEFT alone, one by one."""
    model = AnsweringModel(base, adapter, Decoding(max_new_tokens=16), "float32")
    texts = []
    for row in rows():
        ids = torch.tensor([model.prompt(row)])
        whole = model.reader.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False
        )
        answer = whole[0, ids.shape[1] :]
        texts.append(model.tokenizer.decode(answer, skip_special_tokens=True).strip())
    return texts


@pytest.mark.parametrize("family", QUANTISED)
def test_every_linear_layer_is_quantised_and_dequantised_once(family: str, bases: Bases) -> None:
    count = LAYERS * len(ARCHITECTURES[family].linear)
    kinds: dict[Quantization, type] = {"nf4": bnb.nn.Linear4bit, "int8": bnb.nn.Linear8bitLt}
    for quantization, kind in kinds.items():
        params = AdapterParams(r=4, quantization=quantization, dequantize_once=False)
        model = load_base(bases(family), params, NUMERICS)
        assert sum(isinstance(module, kind) for module in model.modules()) == count
    once = AdapterParams(r=4, dequantize_once=True)
    model = load_base(bases(family), once, NUMERICS)
    assert not any(isinstance(module, bnb.nn.Linear4bit) for module in model.modules())
    assert len(layers_of(model).linear) == count


def test_falcon_is_trained_in_four_bits_packed_and_dequantised(
    bases: Bases, tmp_path: Path
) -> None:
    base = bases("falcon-7b")
    packed, once = (
        answers(base, trained(base, tmp_path / str(once), quantization="nf4", dequantize_once=once))
        for once in (False, True)
    )
    assert packed == once


def test_a_mixture_of_experts_is_not_quantised_and_its_attention_is_adapted(bases: Bases) -> None:
    layers = read_layers(bases("mixtral"))
    assert layers.names == ("k_proj", "o_proj", "q_proj", "v_proj")
    assert layers.experts == LAYERS * 4 * 3 * 64 * 128
    quantized: tuple[Quantization, ...] = ("nf4", "int8")
    for quantization in quantized:
        with pytest.raises(InputError, match=r"training\.adapter\.quantization: .* are experts"):
            load_base(bases("mixtral"), AdapterParams(quantization=quantization), NUMERICS)


@pytest.mark.parametrize(
    ("family", "targets"),
    [("mistral", ("q_proj", "mlp.up_proj")), ("falcon-40b", ("query_key_value",))],
)
def test_named_layers_alone_get_a_lora(family: str, targets: Any, bases: Bases) -> None:
    params = AdapterParams(r=4, quantization="none", target_modules=targets)
    model = add_adapter(load_base(bases(family), params, NUMERICS), params, NUMERICS)
    adapted = {name.partition(".lora_")[0] for name in trainable(model)}
    assert len(adapted) == LAYERS * len(targets)
    assert all(name.endswith(targets) for name in adapted)


def trainable(model: PeftModel) -> list[str]:
    return [name for name, weight in model.named_parameters() if weight.requires_grad]


@pytest.mark.parametrize(
    ("family", "target", "known"),
    [
        ("llama-3", "query_key_value", "down_proj, gate_proj, k_proj"),
        ("llama-3", "lm_head", "down_proj, gate_proj, k_proj"),
        ("mixtral", "w1", "k_proj, o_proj, q_proj, v_proj"),
        ("falcon-7b", "proj", "dense, dense_4h_to_h, dense_h_to_4h, query_key_value"),
    ],
)
def test_a_layer_that_the_base_lacks_is_told_with_those_that_it_has(
    family: str, target: str, known: str, bases: Bases
) -> None:
    Path("params.yaml").write_text(f"training:\n  adapter:\n    target_modules: [{target}]\n")
    params = AdapterParams(quantization="none", target_modules=(target,))
    with pytest.raises(InputError) as refused:
        load_base(bases(family), params, NUMERICS)
    place = "params.yaml:3: training.adapter.target_modules: "
    assert str(refused.value).startswith(f"{place}the base has no linear layer {target!r}")
    assert known in str(refused.value)


def test_no_layer_at_all_is_refused(bases: Bases) -> None:
    params = AdapterParams(quantization="none", target_modules=())
    with pytest.raises(InputError, match="names no layer: all-linear, or some of down_proj"):
        load_base(bases("llama-3"), params, NUMERICS)


def test_weights_that_do_not_fit_are_told_with_what_would(bases: Bases) -> None:
    layers = read_layers(bases("llama-3"))
    plain = AdapterParams(quantization="none")
    refuse_too_large(layers, plain, 4, layers.weights * 4)
    with pytest.raises(InputError) as refused:
        refuse_too_large(layers, plain, 4, layers.weights * 2)
    assert "base.model: its weights alone take " in str(refused.value)
    assert "what fits: int8 (" in str(refused.value)
    assert " or nf4 (" in str(refused.value)
    once = AdapterParams(dequantize_once=True)
    with pytest.raises(InputError, match=r"nf4 \(.*\) with dequantize_once: auto"):
        refuse_too_large(layers, once, 4, layers.weights * 2)
    with pytest.raises(InputError, match=r"a base of 0\.0B weights may fit"):
        refuse_too_large(layers, plain, 4, 1000)


def test_nothing_is_loaded_of_a_base_that_does_not_fit(bases: Bases, tmp_path: Path) -> None:
    bare = tmp_path / "no-weights"
    bare.mkdir()
    (bare / "config.json").write_bytes((bases("llama-3") / "config.json").read_bytes())
    with pytest.raises(InputError, match="its weights alone"):
        refuse_unfit(read_layers(bare), AdapterParams(), 4, 1000)


def test_rslora_divides_by_the_root_of_the_rank(bases: Bases) -> None:
    base = bases("llama-3")
    plain, stable = (
        add_adapter(load_base(base, params, NUMERICS), params, NUMERICS)
        for params in (adapter_params(rslora=False), adapter_params(rslora=True))
    )
    assert scalings(plain) == {8 / 4}
    assert scalings(stable) == {8 / 2}


def adapter_params(**changed: Any) -> AdapterParams:
    return AdapterParams(r=4, alpha=8, quantization="none", **changed)


def scalings(model: PeftModel) -> set[float]:
    layers = [module for module in model.modules() if hasattr(module, "lora_A")]
    return {layer.scaling["default"] for layer in layers}


def test_the_scales_of_nf4_are_quantised_too(bases: Bases) -> None:
    model = load_base(bases("llama-3"), AdapterParams(dequantize_once=False), NUMERICS)
    packed = [m for m in model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    assert {module.weight.quant_state.nested for module in packed} == {True}


def test_a_base_has_as_many_weights_as_were_counted_before_it_was_loaded(bases: Bases) -> None:
    for family in ("llama-3", "mixtral", "falcon-rw"):
        model = AutoModelForCausalLM.from_pretrained(bases(family))
        assert layers_of(model) == read_layers(bases(family))
