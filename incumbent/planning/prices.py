"""Machines as a user names them, with prices of an hour: L4=0.8, H100:4."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from project.errors import InputError
from training.cost.machines import GPUS, PROCESSORS, KnownMachine

# How many of a kind a machine has that can be rented. Assumed of all kinds: the machines of large
# clouds have so many; a few have 16 A100s.
SOLD = (1, 2, 4, 8)


@dataclass(frozen=True)
class MachineGroup:
    """A known machine, or GPUs of one kind in one machine."""

    machine: KnownMachine
    count: int = 1

    @property
    def sold(self) -> int:
        """As many machines as have to be rented for it."""
        return next(count for count in SOLD if count >= self.count)

    def price(self, given: Mapping[str, float]) -> float | None:
        """The price of an hour of one: the user's, or a list's."""
        return given.get(self.machine.name, self.machine.price)

    def __str__(self) -> str:
        name = self.machine.name
        return f"{self.count} × {name}" if self.count > 1 else f"one {name}"


def read_prices(given: Iterable[str]) -> dict[str, float]:
    """Prices of an hour, such as L4=0.8, by the machine's name. Raises InputError."""
    prices = {}
    for text in given:
        name, _, price = text.partition("=")
        machine = known_machine(name, (*GPUS, *PROCESSORS), "machine", "--price")
        prices[machine.name] = read_price(text, price)
    return prices


def read_price(text: str, price: str) -> float:
    try:
        value = float(price)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(f"{text!r} names no price: write it such as L4=0.8", field="--price")
    return value


def read_gpus(given: Iterable[str]) -> tuple[MachineGroup, ...]:
    """Raises InputError for an unknown kind, and for a count that no machine has."""
    return tuple(read_group(text) for text in given)


def read_group(text: str) -> MachineGroup:
    name, colon, number = text.partition(":")
    gpu = known_machine(name, GPUS, "GPU", "--gpus")
    count = int(number) if number.isascii() and number.isdigit() else 0 if colon else 1
    if not count:
        raise InputError(f"{text!r} names no count: write it such as H100:4", field="--gpus")
    if count > SOLD[-1]:
        problem = (
            f"{text!r} are more GPUs than a machine has: at most {SOLD[-1]} are sold together, and "
            f"nothing is known here of several machines"
        )
        raise InputError(problem, field="--gpus")
    return MachineGroup(gpu, count)


def known_machine(
    name: str, machines: Sequence[KnownMachine], kind: str, field: str
) -> KnownMachine:
    by_name = {plain(machine.name): machine for machine in machines}
    if plain(name) not in by_name:
        names = ", ".join(machine.name for machine in machines)
        problem = f"{name!r} is no {kind} that is known here; there are {names}"
        raise InputError(problem, field=field)
    return by_name[plain(name)]


def plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).upper()
