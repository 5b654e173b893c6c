"""Types of the arrays that signals give and tests read."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Direction = Literal["up", "any"]
