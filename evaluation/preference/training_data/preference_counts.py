"""How many preferences each source gave, and what was left out."""

from collections import Counter
from collections.abc import Iterator, Sequence

from project.records.data import counted
from project.records.preferences import ORIGINS, Preference, PreferencePair
from project.records.record import Record


class OfOrigin(Record):
    pairs: int  # from which DPO learns, and KTO each answer
    rated: int  # answers without another one to hold against, from which KTO alone learns


class PreferenceCounts(Record):
    """What stage `preference_data` found."""

    origins: dict[str, OfOrigin]  # by how it is known which answer is good
    sources: dict[str, int]  # by file, or by judge
    left_out: dict[str, int]  # by why

    @classmethod
    def of(cls, found: Sequence[Preference], lost: Counter[str]) -> "PreferenceCounts":
        kinds = Counter((one.origin, isinstance(one, PreferencePair)) for one in found)
        return cls(
            origins={
                origin: OfOrigin(pairs=kinds[origin, True], rated=kinds[origin, False])
                for origin in ORIGINS
                if kinds[origin, True] or kinds[origin, False]
            },
            sources=dict(sorted(Counter(one.source or "unknown" for one in found).items())),
            left_out=dict(sorted((+lost).items())),
        )

    def lines(self) -> Iterator[str]:
        """For people."""
        if not self.origins:
            yield "nothing for DPO or KTO to learn from"
        for origin, counts in self.origins.items():
            pairs, rated = counted(counts.pairs, "pair"), counted(counts.rated, "rated answer")
            yield f"{origin}: {pairs}, {rated} alone"
        for source, count in self.sources.items():
            yield f"from {source}: {count}"
        for why, count in self.left_out.items():
            yield f"left out: {count} {why}"
