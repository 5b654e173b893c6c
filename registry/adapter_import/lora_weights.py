"""An adapter's weights, by their file's header."""

import json
import re
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from project.errors import InputError
from project.records.record import Record, read_input
from project.untrusted_input import quoted, strict_json
from registry.adapter_import.lora_config import LoraSettings, ModuleNorm

# --- safetensors header ---------------------------------------------------------------------------

# The header of a third-party safetensors file, checked to the last byte before anything is read.
#
# The format: eight bytes of length (little-endian), a JSON object of that length that gives every
# tensor its dtype, shape and place, then the tensors' bytes, with no gap and nothing after them.

WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}  # bytes of one value
LENGTH = 8  # bytes of the length field
MAX_HEADER = 4 << 20
MAX_TENSORS = 16_384
MAX_DIMENSIONS = 8
NUMBERS = range(1 << 64)
METADATA = "__metadata__"
ENTRY = ("dtype", "shape", "data_offsets")


class Tensor(Record):
    """Where a tensor's values lie."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int  # in bytes from the start of the file
    end: int


def read_header(file: Path, place: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name. Raises InputError naming `place` and tensor."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = header_length(stream.read(LENGTH), size, place)
        header = strict_json(stream.read(length), place, "header")
    if not isinstance(header, dict):
        raise InputError("is no JSON object", file=place, field="header")
    check_metadata(header.pop(METADATA, {}), place)
    if not 0 < len(header) <= MAX_TENSORS:
        problem = f"lists {len(header)} tensors, from 1 to {MAX_TENSORS} are taken"
        raise InputError(problem, file=place, field="header")
    start = LENGTH + length
    tensors = {
        name: tensor_of(entry, file, start, size, place, quoted(name))
        for name, entry in header.items()
    }
    check_layout(tensors, start, size, place)
    return tensors


def header_length(field: bytes, size: int, place: Path) -> int:
    length = int.from_bytes(field, "little")
    if len(field) < LENGTH:
        raise InputError(f"is {size} bytes long, too short for safetensors", file=place)
    if length > MAX_HEADER:
        problem = f"says that it is {length} bytes long, at most {MAX_HEADER} are taken"
        raise InputError(problem, file=place, field="header")
    if LENGTH + length > size:
        problem = f"says that it is {length} bytes long, the file ends {size} bytes from its start"
        raise InputError(problem, file=place, field="header")
    return length


def check_metadata(metadata: Any, place: Path) -> None:
    if not isinstance(metadata, dict):
        raise InputError("is no JSON object", file=place, field=METADATA)
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise InputError(f"{quoted(key)} is no text", file=place, field=METADATA)


def tensor_of(entry: Any, file: Path, start: int, size: int, place: Path, field: str) -> Tensor:
    """Check one entry by itself; `start` is where the tensors' bytes begin."""

    def refuse(problem: str) -> InputError:
        return InputError(problem, file=place, field=field)

    if not isinstance(entry, dict):
        raise refuse("is no JSON object")
    for key in (key for key in ENTRY if key not in entry):
        raise refuse(f"has no {key}")
    for key in sorted(entry.keys() - set(ENTRY)):
        raise refuse(f"has {quoted(key)}, which no tensor has")
    dtype, shape, offsets = (entry[key] for key in ENTRY)
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise refuse(f"dtype {quoted(dtype)} is none of {', '.join(WIDTHS)}")
    if not whole_numbers(shape) or len(shape) > MAX_DIMENSIONS or 0 in shape:
        raise refuse(f"shape {quoted(shape)} is no list of up to {MAX_DIMENSIONS} positive numbers")
    if not whole_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise refuse(f"data_offsets {quoted(offsets)} are no begin and end")
    begin, end = offsets
    if start + end > size:
        raise refuse(f"ends at byte {start + end}, after the end of the file ({size})")
    if end - begin != prod(shape) * WIDTHS[dtype]:
        raise refuse(f"has {end - begin} bytes, its shape needs {prod(shape) * WIDTHS[dtype]}")
    return Tensor(file=file, dtype=dtype, shape=tuple(shape), begin=start + begin, end=start + end)


def whole_numbers(value: Any) -> bool:
    """Whether it is a list of integers that 64 bits hold; true and false are none."""
    return isinstance(value, list) and all(type(part) is int and part in NUMBERS for part in value)


def check_layout(tensors: dict[str, Tensor], start: int, size: int, place: Path) -> None:
    """Raise InputError unless the tensors fill all that follows the header, each once."""
    position = start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin < position:
            problem = f"overlaps the tensor before it by {position - tensor.begin} bytes"
            raise InputError(problem, file=place, field=quoted(name))
        if tensor.begin > position:
            problem = f"comes after {tensor.begin - position} bytes that belong to no tensor"
            raise InputError(problem, file=place, field=quoted(name))
        position = tensor.end
    if position < size:
        raise InputError(f"has {size - position} bytes after its last tensor", file=place)


# --- lora weights ---------------------------------------------------------------------------------

# Third-party LoRA weights compared with the base model: names, shapes, values and norms.

KEY = re.compile(r"base_model\.model\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\.lora_([AB])\.weight")
STORED = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}  # numpy has no bfloat16
BLOCK = 1 << 20  # values that are looked at together


class LoraPair(Record):
    """A module's update is B·A: A has shape [rank, inputs], B has [outputs, rank]."""

    a: Tensor
    b: Tensor


def linear_modules(base: Path) -> dict[str, Tensor]:
    """The weights, [outputs, inputs], of the base's linear modules, embeddings and head left out.

    The base is pinned by digest, so its headers are trusted. What has the vocabulary on one side
    is an embedding or the head; learnt positions go by their name.
    """
    vocabulary = json.loads(read_input(base / "config.json")).get("vocab_size")
    linears: dict[str, Tensor] = {}
    for file in sorted(base.glob("*.safetensors")):
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(LENGTH), "little")
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            module, _, kind = name.rpartition(".")
            shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
            matrix = kind == "weight" and len(shape) == 2 and entry["dtype"] in WIDTHS
            if matrix and shape[0] != vocabulary and not re.search(r"embed|\bwpe$", module):
                start = LENGTH + length
                linears[module] = Tensor(
                    file=file,
                    dtype=entry["dtype"],
                    shape=shape,
                    begin=start + begin,
                    end=start + end,
                )
    return linears


def read_pairs(
    tensors: dict[str, Tensor], settings: LoraSettings, linears: dict[str, Tensor], place: Path
) -> dict[str, LoraPair]:
    """The adapter's pairs by module. Raises InputError unless each fits its module and the rank."""
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in sorted(tensors.items()):
        match = KEY.fullmatch(name)
        if match is None:
            problem = "is no lora_A or lora_B weight of a module"
            raise InputError(problem, file=place, field=quoted(name))
        module, half = match.groups()
        if module not in linears:
            problem = f"the base has no linear module {quoted(module)}"
            raise InputError(problem, file=place, field=quoted(name))
        outputs, inputs = linears[module].shape
        wanted = (settings.r, inputs) if half == "A" else (outputs, settings.r)
        if tensor.shape != wanted:
            problem = f"has shape {list(tensor.shape)}; rank and base ask for {list(wanted)}"
            raise InputError(problem, file=place, field=quoted(name))
        halves.setdefault(module, {})[half] = tensor
    for module, parts in halves.items():
        if parts.keys() != {"A", "B"}:
            problem = f"has lora_{min(parts)} without its other half"
            raise InputError(problem, file=place, field=module)
    return {module: LoraPair(a=pair["A"], b=pair["B"]) for module, pair in halves.items()}


def resolve_targets(
    settings: LoraSettings, modules: set[str], linears: dict[str, Tensor], place: Path
) -> tuple[str, ...]:
    """The list of target modules, which must name exactly the modules that have weights.

    A name means every module that it ends, as peft has it. Raises InputError.
    """
    declared = settings.target_modules or {module.rpartition(".")[2] for module in linears}
    targets = set(declared)
    named = {module: targets & set(endings(module)) for module in linears}
    field = "target_modules"
    for target in sorted(targets - set().union(*named.values())):
        raise InputError(f"the base has no linear module {target!r}", file=place, field=field)
    wanted = {module for module, names in named.items() if names}
    for module in sorted(wanted - modules):
        raise InputError(f"names {module}, which has no weights", file=place, field=field)
    for module in sorted(modules - wanted):
        raise InputError(f"leaves out {module}, which has weights", file=place, field=field)
    return tuple(sorted(targets))


def endings(module: str) -> Iterator[str]:
    """`a.b.c`, `b.c` and `c`."""
    parts = module.split(".")
    return (".".join(parts[i:]) for i in range(len(parts)))


def blocks(tensor: Tensor) -> Iterator[NDArray[np.floating]]:
    """A tensor's values in runs of BLOCK, from a memory map; BF16 as the F32 of the same bits."""
    count = (tensor.end - tensor.begin) // WIDTHS[tensor.dtype]
    stored = np.memmap(
        tensor.file, STORED[tensor.dtype], mode="r", offset=tensor.begin, shape=(count,)
    )
    for start in range(0, count, BLOCK):
        block = stored[start : start + BLOCK]
        if tensor.dtype == "BF16":
            yield (block.astype("<u4") << np.uint32(16)).view("<f4")
        else:
            yield block


def refuse_values(pairs: dict[str, LoraPair], place: Path) -> None:
    """Raise InputError for a value that is not finite, and when all updates are zero."""
    moved = False
    for module, pair in pairs.items():
        for half, tensor in (("A", pair.a), ("B", pair.b)):
            field = f"{module}.lora_{half}"
            for number, block in enumerate(blocks(tensor)):
                if not (finite := np.isfinite(block)).all():
                    index = number * BLOCK + int(finite.argmin())
                    problem = f"value {index} is {block[finite.argmin()]}: not finite"
                    raise InputError(problem, file=place, field=field)
                moved |= half == "B" and bool(block.any())
    if not moved:
        raise InputError("changes nothing: every lora_B is zero", file=place)


def norms(pairs: dict[str, LoraPair], linears: dict[str, Tensor], scale: float) -> list[ModuleNorm]:
    """How far each module is moved, beside its weight, in order of the modules' names.

    ‖B·A‖² = tr(BᵀB · A·Aᵀ) for the Frobenius norm, so B·A itself is never made.
    """
    return [
        ModuleNorm(
            module=module,
            update=six_digits(scale * product_norm(pair)),
            weight=six_digits(norm(linears[module])),
        )
        for module, pair in sorted(pairs.items())
    ]


def product_norm(pair: LoraPair) -> float:
    a, b = matrix(pair.a), matrix(pair.b)
    return float(np.sqrt(max(np.sum((b.T @ b) * (a @ a.T)), 0.0)))


def matrix(tensor: Tensor) -> NDArray[np.float64]:
    return np.concatenate([block.astype(np.float64) for block in blocks(tensor)]).reshape(
        tensor.shape
    )


def norm(tensor: Tensor) -> float:
    """The Frobenius norm, in bounded memory."""
    return float(np.sqrt(sum(np.sum(np.square(b, dtype=np.float64)) for b in blocks(tensor))))


def six_digits(value: float) -> float:
    """As many digits as do not depend on the order in which a machine adds."""
    return float(f"{value:.6g}")
