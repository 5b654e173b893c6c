"""Stage `base`: find the base model, convert the embedded one once, and pin its weights."""

from pathlib import Path

from registry.errors import run_stage
from registry.files import staged_folder
from registry.layout import BASE
from registry.libraries import allow_downloads
from registry.models import EMBEDDED, ModelChoice, embedded_base, package_folder, pin
from registry.params import load


def main() -> None:
    allow_downloads()  # the one stage that may ask the Hub; the others find what it fetched
    choice = load(ModelChoice, "base")
    if choice.model == EMBEDDED and not embedded_base().is_dir():
        convert_embedded(embedded_base())
    base = pin(choice, "base")
    base.write(BASE)
    print(f"base model: {base}")


def convert_embedded(target: Path) -> None:
    """Unpack the GGUF of the installed package into a bfloat16 safetensors folder."""
    # Imported here so that a run that finds the converted model stays quick.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source = next(package_folder("base").glob("*.gguf"))
    print(f"converting {source.name}, once, into {target}")
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    with staged_folder(target) as draft:
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)


if __name__ == "__main__":
    run_stage(main)
