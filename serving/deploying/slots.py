"""Places for adapters on a replica, which are few: which one goes to make room for the next."""

from collections.abc import Collection
from dataclasses import dataclass

from project.untrusted_input import shortened
from serving.deployment import version_in

SHOWN = 300  # characters of a list of names


@dataclass(frozen=True)
class Slots:
    """What a replica holds, and who may not go.

    Adapters that are none of this family's are others' on a shared server: they stay, and count.
    """

    family: str
    places: int
    loaded: frozenset[str]
    kept: frozenset[str]  # champion, previous, and in experiments
    busy: frozenset[str] = frozenset()  # that answer just now

    @property
    def fixed(self) -> Collection[str]:
        return [n for n in self.loaded if n in self.kept or version_in(n, self.family) is None]

    @property
    def full(self) -> bool:
        return len(self.loaded) >= self.places

    def free_one(self) -> str | None:
        """The oldest version that may go now; None where none may."""
        able = self.loaded - set(self.fixed) - self.busy
        return min(able, key=lambda name: version_in(name, self.family) or 0, default=None)

    @property
    def waits(self) -> bool:
        """Whether a place gets free as soon as running answers end."""
        return bool(self.loaded - set(self.fixed))

    def alarm(self) -> str | None:
        """What people hear when no further version would find a place."""
        if len(self.fixed) < self.places:
            return None
        names = shortened(", ".join(sorted(self.fixed)), SHOWN)  # a server may say anything
        return (
            f"{len(self.fixed)} of {self.places} adapter slots hold what must stay "
            f"({names}): a further version finds no place. Raise the "
            "pool's slots and the engine's own limit (--max-loras of vLLM), or end an experiment"
        )
