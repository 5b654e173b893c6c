"""How many weights a base's files hold, read from their headers alone: no torch, no weights."""

import json
from math import prod
from pathlib import Path

from project.errors import InputError

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
    found: dict[str, dict[str, list[int]]] = header
    return found
