"""What became of the items that lack a score, and how many of them are too many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evaluation.other_logs.system_log import REPEATED, SystemLog
from project.errors import InputError

Side = Literal["champion", "challenger"]
SIDES: tuple[Side, Side] = ("champion", "challenger")
# Of items that an error or a missing score took, so many are weighed as missing unasked.
FEW = 0.02
ABSENT = "not in its log"
NOT_WRITTEN = "run, and in neither log"
# What no share excuses: the two logs may be about different things.
MISMATCHES = (ABSENT, REPEATED)


@dataclass
class Losses:
    """Items that lack a score: of each side what happened to how many, and what differs."""

    of_side: dict[Side, Counter[str]] = field(
        default_factory=lambda: {side: Counter() for side in SIDES}
    )
    different: Counter[str] = field(default_factory=Counter)  # asked differently, and in what
    items: int = 0
    outside: int = 0  # items that the chosen metrics say nothing about, on either side
    first: str | None = None  # an item to look at

    @property
    def mismatched(self) -> bool:
        return bool(self.different) or any(
            c[kind] for c in self.of_side.values() for kind in MISMATCHES
        )

    def told(self) -> list[str]:
        """A line for each side, and one for what differs."""
        lines = [f"{side}: {counted(c)}" for side, c in self.of_side.items() if c]
        return [*lines, *([f"asked differently: {counted(self.different)}"] * bool(self.different))]


def count_item(
    losses: Losses, item: str, lost: Sequence[str | None], different: str | None
) -> None:
    losses.items += 1
    losses.first = losses.first or item
    for side, kind in zip(SIDES, lost, strict=True):
        if kind:
            losses.of_side[side][kind] += 1
    if different:
        losses.different[different] += 1


def count_unwritten(logs: tuple[SystemLog, SystemLog], losses: Losses) -> int:
    """Count what neither log holds, though one says that it was run; returns how many items that
    is. Two logs that were cut at one place lack the same items.
    """
    unknown = []
    for side, log in zip(SIDES, logs, strict=True):
        counts = losses.of_side[side]
        unknown.append(max(0, log.absent - counts[ABSENT]))
        counts.update({NOT_WRITTEN: unknown[-1]})
        losses.of_side[side] = +counts  # without what is zero
    losses.items += max(unknown)
    return max(unknown)


def refuse_losses(losses: Losses, total: int, allowed: float | None) -> None:
    """Raise InputError where more is missing than may be."""
    share = losses.items / total if total else 0
    told = "; ".join(losses.told())
    if losses.items == total:
        raise InputError(f"no item can be compared ({told})")
    example = f", such as {losses.first}" if losses.first else ""
    problem = f"{losses.items} of {total} items cannot be compared{example} ({told})"
    if allowed is not None and share > allowed:
        raise InputError(f"{problem}: that is {share:.1%}, and {allowed:.1%} may be missing")
    if allowed is None and (share > FEW or losses.mismatched):
        least = -(-losses.items * 100 // total) / 100
        raise InputError(
            f"{problem}: mend the runs, or weigh these as the challenger's worst by "
            f"--allow-missing {least:.2f}"
        )


def counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items())
