"""Types of the arrays that signals give and tests read."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Times = NDArray[np.floating[Any]]  # hours since a Monday, 0:00 UTC
Direction = Literal["up", "any"]
