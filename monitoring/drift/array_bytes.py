"""Named arrays as bytes: equal arrays have equal bytes, and reading them runs no code."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    stream = BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(stream, **named)
    return stream.getvalue()


def from_bytes(data: bytes) -> Arrays:
    with np.load(BytesIO(data), allow_pickle=False) as found:
        return dict(found)
