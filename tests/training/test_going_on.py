"""An earlier adapter's weights in a fresh one: what PEFT loads, and nothing that would differ."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from project.errors import InputError
from tests.architectures import save_tiny
from tests.conftest import NUMERICS
from training.model.base_model import load_base
from training.model.lora import add_adapter, go_on_from
from training.training_settings import AdapterParams

pytestmark = pytest.mark.slow

IDS = torch.arange(2, 40).unsqueeze(0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("qwen-2", tmp_path_factory.mktemp("bases") / "qwen")


@pytest.fixture(scope="module")
def earlier(base: Path) -> Path:
    """An adapter that does something."""
    model = fresh(base)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(base.parent / "earlier")
    return base.parent / "earlier"


def fresh(base: Path, precision: Any = "float32", **changed: Any) -> PeftModel:
    own: dict[str, Any] = {"r": 4, "alpha": 8, "quantization": "none", "seed": 1}
    params = AdapterParams(**own | changed)
    numerics = NUMERICS.model_copy(update={"precision": precision})
    return add_adapter(load_base(base, params, numerics), params, numerics)


@torch.inference_mode()
def logits(model: torch.nn.Module) -> torch.Tensor:
    found: torch.Tensor = model.eval()(input_ids=IDS).logits
    return found


def test_it_computes_what_the_earlier_one_does_and_all_of_it_is_trained_on(
    base: Path, earlier: Path
) -> None:
    model = fresh(base)
    untouched = logits(model)
    go_on_from(model, earlier)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    assert_close(logits(model), logits(PeftModel.from_pretrained(plain, earlier)))
    assert not torch.allclose(logits(model), untouched, atol=1e-2)
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert len(trained) == 2 * 3 * 7


def test_the_weights_take_the_precision_of_the_run(base: Path, earlier: Path) -> None:
    model = fresh(base, "bfloat16")
    go_on_from(model, earlier)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"r": 8}, "its r is 4, the recipe's 8"),
        ({"alpha": 16}, "its alpha is 8, the recipe's 16"),
        ({"rslora": True}, "its rslora is 0, the recipe's 1"),
        ({"target_modules": ("q_proj",)}, "its layers are down_proj, .*, the recipe's q_proj"),
    ],
)
def test_another_shape_or_scale_is_refused(
    changed: dict[str, Any], why: str, base: Path, earlier: Path
) -> None:
    with pytest.raises(InputError, match=rf"earlier: training\.adapter: does not fit .*: {why};"):
        go_on_from(fresh(base, **changed), earlier)


def test_fewer_layers_than_the_recipe_has_are_refused(base: Path, tmp_path: Path) -> None:
    fresh(base, target_modules=("q_proj",)).save_pretrained(tmp_path / "few")
    with pytest.raises(InputError, match="its layers are q_proj, the recipe's down_proj"):
        go_on_from(fresh(base), tmp_path / "few")


def test_another_dropout_changes_nothing_of_what_was_learnt(base: Path, earlier: Path) -> None:
    model, other = fresh(base), fresh(base, dropout=0.2)
    go_on_from(model, earlier)
    go_on_from(other, earlier)
    assert_close(logits(other), logits(model))
