"""`incumbent promote` and `incumbent rollback`: who holds the seat."""

from incumbent.output import console
from registry.store import Registry


def promote_version(number: int, reason: str) -> None:
    with Registry.here() as registry:
        version = registry.promote(number, reason)
    console.print(f"{version.label} is the champion")


def roll_back(to: int | None, reason: str) -> None:
    with Registry.here() as registry:
        version = registry.rollback(reason, to)
    console.print(f"{version.label} is the champion again")
