"""Whether a base can be used here at all, told by stage `base` before anything is loaded."""

import json
from math import prod
from pathlib import Path
from typing import Any

from project.chat_template import FIELD, missing_template
from project.errors import InputError
from project.libraries import memory
from project.model_pins import (
    BaseChoice,
    chat_template_digest,
    end_tokens,
    no_weights,
    read_config,
)
from project.records.adapters import Numerics
from training.cost.machines import BYTES

GIB = 1 << 30
QUESTION, ANSWER = "Which?", "That one."


def refuse_unusable(folder: Path, choice: BaseChoice) -> None:
    """Raise InputError for a base that brings code, has no safetensors or no chat template, or is
    quantised already, and for a template of the project's that does not work.
    """
    if not any(folder.glob("*.safetensors")):
        raise no_weights(folder)
    config = read_config(folder / "config.json")
    refuse_quantized(folder)
    refuse_foreign_code(folder, config)
    if chat_template_digest(folder) is None:
        raise missing_template(folder)
    if choice.chat_template is not None:
        refuse_template(folder, Path(choice.chat_template))


def refuse_quantized(folder: Path) -> None:
    """We quantise, and say so on record."""
    config = folder / "config.json"
    if config.is_file() and json.loads(config.read_bytes()).get("quantization_config"):
        raise InputError(
            "is quantised already: name the model that it was made from, and how to quantise it in "
            "training.adapter.quantization",
            file=config,
            field="base.model",
        )


def refuse_foreign_code(folder: Path, config: dict[str, Any]) -> None:
    """Code that comes with a model is never run. Where transformers has classes of its own for the
    model, they are taken, and the code in its folder is left alone.
    """
    # Imported here because the settings are checked first, without waiting for it.
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = config.get("model_type")
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return
    if config.get("auto_map"):
        problem = (
            f"brings code of its own for a model that transformers does not know ({kind}); such "
            "code is never run: choose a base that transformers knows"
        )
    else:
        problem = (
            f"is no causal language model that this version of transformers knows ({kind}): choose "
            "another base, or a newer transformers"
        )
    raise InputError(problem, file=folder / "config.json", field="base.model")


def refuse_template(folder: Path, file: Path) -> None:
    """An answer has to follow its prompt as it stands, and to end where the base stops."""
    # Imported here because only a template of the project's has to be tried.
    from jinja2 import TemplateError
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    try:
        prompt = tokenizer.apply_chat_template(
            turns[:1], tokenize=False, add_generation_prompt=True
        )
        whole = tokenizer.apply_chat_template(turns, tokenize=False)
    except TemplateError as error:
        raise InputError(f"cannot be filled in: {error}", file=file, field=FIELD) from None
    ends = tokenizer.convert_ids_to_tokens(end_tokens(folder) or [tokenizer.eos_token_id])
    if not whole.startswith(prompt) or QUESTION not in prompt:
        problem = (
            "does not put an answer behind what it makes of the question "
            "(docs/how-to/base-models.md)"
        )
    elif not any(end in whole[len(prompt) :].partition(ANSWER)[2] for end in ends):
        problem = (
            f"does not end an answer with {' or '.join(ends)}, where this base stops: put "
            "{{ eos_token }} behind what an assistant says"
        )
    else:
        return
    raise InputError(problem, file=file, field=FIELD)


def refuse_too_large(folder: Path, answering: Numerics, available: int | None = None) -> None:
    """Raise InputError where the weights alone, as they are to answer, exceed the memory (bytes).

    Answers are given by the base as it is, whatever training quantises.
    """
    available = memory() if available is None else available
    count, width = stored_weights(folder), BYTES[answering.precision]
    if count * width <= available:
        return
    fits = [f"a base of at most {available / width / 1e9:.1f}B weights"]
    if count * 2 <= available:
        fits.insert(0, f"base.precision: bfloat16 ({count * 2 / GIB:.1f} GiB)")
    raise InputError(
        f"its {count / 1e9:.1f}B weights take {count * width / GIB:.1f} GiB in "
        f"{answering.precision} to answer, and this machine has {available / GIB:.1f} GiB; what "
        f"fits: {', or '.join(fits)}; `incumbent plan` says more, for GPUs too",
        file=folder,
        field="base.model",
    )


# --- stored weights -------------------------------------------------------------------------------

# How many weights a base's files hold, read from their headers alone: no torch, no weights.

INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"
LENGTH = 8  # bytes in front of a header that say how long it is, little-endian
MOST = 100 << 20  # bytes of a header: what safetensors itself takes


def stored_weights(folder: Path) -> int:
    """The numbers in all tensors of the files that transformers loads from a folder."""
    return sum(
        prod(entry["shape"])
        for file in weight_files(folder)
        for name, entry in read_header(file).items()
        if name != "__metadata__"
    )


def weight_files(folder: Path) -> list[Path]:
    """Those of the index; without one the single file. Some models have the same once more, for
    another program.
    """
    index = folder / INDEX
    if index.is_file():
        names = set(json.loads(index.read_bytes())["weight_map"].values())
        return [folder / name for name in sorted(names)]
    whole = folder / WHOLE
    return [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))


def read_header(file: Path) -> dict[str, dict[str, list[int]]]:
    """Raises InputError for a file that is missing, cut off or of another kind."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(LENGTH), "little")
            header = json.loads(stream.read(min(length, MOST)))
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=file) from None
    except ValueError:
        problem = "is no safetensors file, or was cut off: fetch it again"
        raise InputError(problem, file=file, field="base.model") from None
    tensors: dict[str, dict[str, list[int]]] = header
    return tensors
