"""A merged model's folder as one GGUF file.

Llamas are written here. For others llama.cpp's own converter is asked, where it is found.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
from transformers import AutoConfig

from project.errors import IncumbentError, InputError
from project.progress import progress
from serving.exporting.gguf.llama_tokenizer import unlike_bpe, write_tokenizer
from serving.exporting.gguf.llama_weights import (
    Packing,
    add_weights,
    read_weights,
    unlike_llama,
    write_shape,
)

CONVERTER = "convert_hf_to_gguf.py"


def write_gguf(merged: Path, target: Path, name: str, packing: Packing = "f16") -> None:
    """Raises InputError where nothing here can write this model, IncumbentError where it fails."""
    config = AutoConfig.from_pretrained(merged)
    if not (problem := unlike_llama(config) or unlike_bpe(merged)):
        write_llama(merged, target, name, packing)
    elif converter := find_converter():
        convert(converter, merged, target, packing)
    else:
        raise InputError(
            f"cannot be written as GGUF here: {problem}. llama.cpp's {CONVERTER} may know it: set "
            f"$LLAMA_CPP to a checkout of llama.cpp, or put {CONVERTER} on PATH",
            file=merged,
        )


def write_llama(merged: Path, target: Path, name: str, packing: Packing) -> None:
    config = AutoConfig.from_pretrained(merged)
    writer = gguf.GGUFWriter(target, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.LLAMA])
    writer.add_name(name)
    write_shape(writer, config, packing)
    write_tokenizer(writer, merged, config.vocab_size)
    with progress("writing GGUF", 1, "files", leave=False) as bar:
        weights = dict(read_weights(merged))
        if config.tie_word_embeddings:  # llama.cpp takes the table of tokens for the head too
            weights.pop("lm_head.weight", None)
        add_weights(writer, weights, config, packing)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        bar.advance()


def find_converter() -> Path | None:
    """llama.cpp's converter: in the folder of $LLAMA_CPP, or on PATH."""
    if folder := os.environ.get("LLAMA_CPP"):
        file = Path(folder) / CONVERTER
        if not file.is_file():
            raise InputError(f"$LLAMA_CPP holds no {CONVERTER}", file=folder)
        return file
    found = shutil.which(CONVERTER)
    return Path(found) if found else None


def convert(converter: Path, merged: Path, target: Path, packing: Packing) -> None:
    """The converter is the user's own program: it runs with our Python."""
    files = [str(converter), str(merged), "--outfile", str(target)]
    command = [sys.executable, *files, "--outtype", packing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise IncumbentError("\n".join([f"{converter} could not write {target.name}:", *said]))
