"""What an answer costs each system: tokens, seconds, and money."""

from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.evaluation_settings import Prices
from evaluation.generation.answers import Role
from project.records.evidence import Usage


@dataclass(frozen=True)
class Cost:
    """Means of one answer; seconds None where they were not measured on this machine."""

    system: str
    prompt: float  # tokens
    answer: float  # tokens
    seconds: float | None
    money: float | None  # per 1,000 answers; None where no price is known


def costs(
    usage: Mapping[str, Usage], seconds: Mapping[str, float | None], prices: Prices
) -> list[Cost]:
    return [
        Cost(
            system=system,
            prompt=used.prompt,
            answer=used.answer,
            seconds=seconds.get(system),
            money=money(used, seconds.get(system), prices),
        )
        for system, used in usage.items()
    ]


def money(used: Usage, seconds: float | None, prices: Prices) -> float | None:
    """The price of 1,000 answers; None when there is none, or a price by the hour but no time."""
    if not (prices.prompt or prices.answer or prices.hour) or (prices.hour and seconds is None):
        return None
    tokens = (used.prompt * prices.prompt + used.answer * prices.answer) / 1e6
    return 1000 * (tokens + (seconds or 0) * prices.hour / 3600)


def saving(found: Mapping[str, Cost]) -> str | None:
    """How much cheaper the challenger answers than the base with a few-shot prompt, in words."""
    ours, theirs = found.get(Role.CHALLENGER), found.get(Role.FEW_SHOT)
    if ours is None or theirs is None:
        return None
    parts = [("fewer", "tokens", ours.prompt + ours.answer, theirs.prompt + theirs.answer)]
    if ours.seconds is not None and theirs.seconds:
        parts.append(("less", "time", ours.seconds, theirs.seconds))
    if ours.money is not None and theirs.money:
        parts.append(("less", "money", ours.money, theirs.money))
    return ", ".join(
        f"{abs(1 - a / b):.0%} {less if a <= b else 'more'} {name}" for less, name, a, b in parts
    )
