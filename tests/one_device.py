"""A device that is not the processor, on a machine that has no other: torch's meta device.

What is computed on it has a shape and no numbers. torch itself lets many operations take tensors of
both; a GPU does not, and nor does this.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MOVES = ("aten::_to_copy", "aten::copy_")
# At a number, as `bool(mask.all())` does.
LOOKS = ("aten::_local_scalar_dense", "aten::is_nonzero", "aten::item")


class OneDevice(TorchDispatchMode):
    """Raises RuntimeError, as a GPU would, for an operation on tensors of two devices. A number in
    a tensor without dimensions may come from anywhere. To a look at a number it says False, which
    skips nothing.
    """

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = tree_leaves((args, kwargs))
        devices = {one.device for one in given if isinstance(one, torch.Tensor) and one.dim()}
        if len(devices) > 1 and func.name().partition(".")[0] not in MOVES:
            raise RuntimeError(f"{func.name()} on {sorted(map(str, devices))}")
        if func.name() in LOOKS and args[0].is_meta:
            return False
        call: Callable[..., Any] = func
        return call(*args, **(kwargs or {}))
