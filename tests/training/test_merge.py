"""A merged model says what base and adapter say together, in each family and each precision."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, AutoTokenizer

from project.errors import IncumbentError
from project.model_pins import BaseChoice, locate
from tests.architectures import ARCHITECTURES, LLAMA_3, save_tiny
from tests.conftest import NUMERICS
from training.model.base_model import load_base
from training.model.lora import add_adapter, merge
from training.training_settings import AdapterParams

pytestmark = pytest.mark.slow

IDS = torch.arange(2, 60).unsqueeze(0)
Made = Callable[[str], tuple[Path, Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A family's tiny base, and an adapter on it that does something; made once."""
    folder = tmp_path_factory.mktemp("merging")

    def both(family: str) -> tuple[Path, Path]:
        base, adapter = folder / family, folder / f"{family}-adapter"
        if not base.is_dir():
            save_tiny(family, base)
            params = AdapterParams(r=4, alpha=8, quantization="none")
            model = add_adapter(load_base(base, params, NUMERICS), params, NUMERICS)
            for name, weight in model.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(weight, std=0.05)
            model.save_pretrained(adapter)
        return base, adapter

    return both


@torch.inference_mode()
def logits(model: torch.nn.Module) -> torch.Tensor:
    found: torch.Tensor = model.eval()(input_ids=IDS).logits.float()
    return found


def loaded(folder: Path, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    model: torch.nn.Module = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    return model


@pytest.mark.parametrize("family", list(ARCHITECTURES))
def test_merged_equals_unmerged(family: str, made: Made, tmp_path: Path) -> None:
    base, adapter = made(family)
    bare, both = logits(loaded(base)), logits(PeftModel.from_pretrained(loaded(base), adapter))
    moved = (both - bare).abs().max()
    assert moved > 0.1  # of logits of about 3
    merge(base, adapter, tmp_path / "float32", "float32")
    assert_close(logits(loaded(tmp_path / "float32")), both, rtol=1e-4, atol=1e-4)
    merge(base, adapter, tmp_path / "bfloat16", "bfloat16")
    weights = load_file(tmp_path / "bfloat16" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    # Each weight is rounded once, to 8 bits: as far off as the rounded base is from the base.
    off = (logits(loaded(tmp_path / "bfloat16")) - both).abs().max()
    rounded = loaded(base, torch.bfloat16).float()
    assert off < 3 * (logits(rounded) - bare).abs().max()
    assert off < moved / 3


def test_the_tokenizer_and_its_chat_template_come_along(made: Made, tmp_path: Path) -> None:
    base, adapter = made("llama-3")
    merge(base, adapter, tmp_path / "merged", "float32")
    asked = [{"role": "user", "content": "What is it? — né"}]
    ours, theirs = (
        AutoTokenizer.from_pretrained(folder).apply_chat_template(asked)["input_ids"]
        for folder in (base, tmp_path / "merged")
    )
    assert ours == theirs
    modes = {file.stat().st_mode for file in (tmp_path / "merged").iterdir()}
    assert len(modes) == 1  # nobody reads one of them and not another


def test_of_several_templates_the_one_for_a_plain_chat_gets_the_system_prompt(
    made: Made, tmp_path: Path
) -> None:
    base, adapter = made("llama-3")
    other = tmp_path / "several"
    other.mkdir()
    for file in base.iterdir():
        if file.name != "chat_template.jinja":
            (other / file.name).write_bytes(file.read_bytes())
    config = json.loads((other / "tokenizer_config.json").read_bytes())
    several = {"default": LLAMA_3, "tool_use": "tools"}
    config["chat_template"] = [{"name": n, "template": text} for n, text in several.items()]
    (other / "tokenizer_config.json").write_text(json.dumps(config))
    merge(other, adapter, tmp_path / "merged", "float32", "Be brief.")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    said = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert "Be brief.<|eot_id|>" in said
    assert said.endswith("Hi<|eot_id|>")


def test_a_template_of_the_projects_is_part_of_what_is_merged(made: Made, tmp_path: Path) -> None:
    base, adapter = made("llama-3")
    Path("own.jinja").write_text("{{ messages[0].content }}{{ eos_token }}")
    folder = locate(BaseChoice(model=str(base), chat_template="own.jinja"), "base")
    merge(folder, adapter, tmp_path / "merged", "float32")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert tokenizer.chat_template == Path("own.jinja").read_text()


def test_settings_of_sampling_that_come_with_a_base_are_kept(made: Made, tmp_path: Path) -> None:
    base, adapter = made("qwen-2")
    file = base / "generation_config.json"
    told = json.loads(file.read_bytes()) | {"temperature": 0.6, "top_p": 0.9, "do_sample": False}
    file.write_text(json.dumps(told))
    merge(base, adapter, tmp_path / "merged", "float32")
    kept = json.loads((tmp_path / "merged" / file.name).read_bytes())
    assert (kept["temperature"], kept["eos_token_id"]) == (0.6, 1)


def test_a_sum_that_is_not_finite_is_refused(made: Made, tmp_path: Path) -> None:
    base, adapter = made("mistral")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    weights = load_file(adapter / "adapter_model.safetensors")
    first = min(name for name in weights if "lora_B" in name)
    weights[first] = torch.full_like(weights[first], torch.inf)
    save_file(weights, broken / "adapter_model.safetensors")
    with pytest.raises(IncumbentError, match="cannot be merged"):
        merge(base, broken, tmp_path / "merged", "float32")
