"""An earlier adapter's weights, put into a fresh one, so that training goes on from there."""

import json
from pathlib import Path

from peft import LoraConfig, PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file

from project.errors import InputError
from project.records.record import read_input

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
# By their names at PEFT and in training.adapter: what an update's size hangs on.
SAME = {"r": "r", "lora_alpha": "alpha", "use_rslora": "rslora"}


def go_on_from(model: PeftModel, folder: Path) -> None:
    """Give a fresh adapter the weights of an earlier one, in the precision of the run.

    Raises InputError where they would mean something else in it: another r, another scale, or other
    target modules.
    """
    refuse_other_scale(model.peft_config[model.active_adapter], folder)
    weights = load_file(folder / WEIGHTS)
    try:
        result = set_peft_model_state_dict(model, weights)
    except RuntimeError as error:  # of other shapes
        raise misfit(str(error).splitlines()[0], folder) from None
    missing = [key for key in result.missing_keys if "lora_" in key]
    if missing or result.unexpected_keys:
        layers = sorted({layer_of(key) for key in weights})
        own = sorted({layer_of(n) for n, p in model.named_parameters() if p.requires_grad})
        raise misfit(f"its layers are {', '.join(layers)}, the recipe's {', '.join(own)}", folder)


def refuse_other_scale(fresh: LoraConfig, folder: Path) -> None:
    config = json.loads(read_input(folder / CONFIG))
    for name, setting in SAME.items():
        was, now = config.get(name) or 0, getattr(fresh, name) or 0
        if was != now:
            raise misfit(f"its {setting} is {was:g}, the recipe's {now:g}", folder)


def layer_of(key: str) -> str:
    """The last part of a layer's name, of the key of a weight of its LoRA."""
    return key.partition(".lora_")[0].rpartition(".")[2]


def misfit(why: str, folder: Path) -> InputError:
    return InputError(
        f"does not fit this recipe's adapter: {why}; keep training.adapter as it was, or set "
        "training.adapter.start to base",
        file=folder,
        field="training.adapter",
    )
