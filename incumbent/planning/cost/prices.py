"""What an hour of a machine costs, in the user's words or by a list."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from incumbent.planning.cost.cloud_processors import CLOUD_PROCESSORS
from project.errors import InputError
from training.cost.gpus import GPUS


class Priced(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def price(self) -> float | None: ...  # of an hour, in US dollars


def read_prices(given: Iterable[str]) -> dict[str, float]:
    """Prices of an hour, such as L4=0.8, by the machine's name. Raises InputError."""
    known = {plain(one.name): one.name for one in (*GPUS, *CLOUD_PROCESSORS)}
    prices = {}
    for text in given:
        name, _, price = text.partition("=")
        if plain(name) not in known:
            names = ", ".join(known.values())
            problem = f"{name!r} is no machine that is known here; there are {names}"
            raise InputError(problem, field="--price")
        prices[known[plain(name)]] = read_price(text, price)
    return prices


def read_price(text: str, price: str) -> float:
    try:
        value = float(price)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(f"{text!r} names no price: write it such as L4=0.8", field="--price")
    return value


def plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).upper()


def price_of(machine: Priced, given: Mapping[str, float]) -> float | None:
    return given.get(machine.name, machine.price)
