"""What a GPU can do, and what follows from it.

Pure, so that it is decided and tested for cards that no machine here has: torch, which this floor
does not load, is handed in by whoever has it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from project.records.adapters import Precision

LOCAL_RANK = "LOCAL_RANK"  # torchrun, accelerate and Ray Train number a machine's processes by it
AMPERE, HALF_PRODUCTS = (8, 0), (5, 3)  # the first compute capability with bfloat16, with float16


@dataclass(frozen=True)
class Card:
    """The card that this process computes on."""

    name: str
    capability: tuple[int, int]  # NVIDIA's compute capability; of AMD's cards what ROCm says there
    memory: int  # bytes, whoever uses them now
    index: int = 0  # among the cards that this process sees
    count: int = 1  # of the cards that it sees
    amd: bool = False

    @property
    def bf16(self) -> bool:
        """Whether it multiplies bfloat16 itself. Older cards do so in float32, far more slowly."""
        return self.amd or self.capability >= AMPERE

    @property
    def fastest(self) -> Precision:
        if self.bf16:
            return "bfloat16"
        return "float16" if self.capability >= HALF_PRODUCTS else "float32"

    @property
    def device(self) -> str:
        return f"cuda:{self.index}"  # torch calls AMD's cards so too


def card_here(torch: Any) -> Card | None:
    """This process's card; None where it has none."""
    cuda = torch.cuda
    if not cuda.is_available():
        return None
    count = int(cuda.device_count())
    index = own_index(count, os.environ, cuda.current_device())
    return Card(
        name=cuda.get_device_name(index),
        capability=tuple(cuda.get_device_capability(index)),
        memory=int(cuda.get_device_properties(index).total_memory),
        index=index,
        count=count,
        amd=torch.version.hip is not None,
    )


def own_index(count: int, environment: Mapping[str, str], current: int = 0) -> int:
    """Which of the cards that it sees is a process's own: one for each process of a machine.

    A launcher that shows each process one card alone numbers that card 0, whatever the rank.
    """
    rank = environment.get(LOCAL_RANK, "")
    return int(rank) if rank.isdecimal() and count > 1 else current


def device_of(card: Card | None) -> str:
    return card.device if card else "cpu"


def training_map(card: Card | None) -> dict[str, int] | None:
    """Where transformers puts a base that is trained: whole, on this process's own card."""
    return {"": card.index} if card else None


def answering_map(card: Card | None, environment: Mapping[str, str]) -> str | dict[str, int]:
    """Where transformers puts a base that answers: on all cards that this process sees, as far as
    it needs them, unless others share them.
    """
    if card is None:
        return "cpu"
    return {"": card.index} if environment.get(LOCAL_RANK, "").isdecimal() else "auto"
