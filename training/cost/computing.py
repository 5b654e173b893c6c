"""The kind of device that a model is computed on, and how fast it is."""

from dataclasses import dataclass

from project.records.adapters import Precision

BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}  # of a number


@dataclass(frozen=True)
class Computing:
    """In a precision, with so much memory."""

    precision: Precision
    memory: int  # bytes
    gpu: bool = False

    @property
    def bytes(self) -> int:
        """Of a number."""
        return BYTES[self.precision]


@dataclass(frozen=True)
class Speed:
    """Of a device, in seconds."""

    operation: float  # a floating-point operation of a large product
    in_float32: float  # the same in float32
    byte: float  # that a token keeps or copies
    weight: float  # a weight of the layers, read for a product
    unpacking: float  # an NF4 weight, turned back for a product
    call: float  # a layer, however little there is to compute
    mapping: float = 0.0  # a byte that a step gives back to the system, and asks for again
