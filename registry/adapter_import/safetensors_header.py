"""The header of a third-party safetensors file, checked to the last byte before anything is read.

The format: eight bytes of length (little-endian), a JSON object of that length that gives every
tensor its dtype, shape and place, then the tensors' bytes, with no gap and nothing after them.
"""

from math import prod
from pathlib import Path
from typing import Any

from project.errors import InputError
from project.records.record import Record
from project.untrusted_input import quoted, strict_json

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
    """The tensors of a safetensors file by name. Raises InputError naming `place` and tensor.

    `place` is what the user knows the file by.
    """
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
