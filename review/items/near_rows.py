"""The training rows whose questions have most words in common with an item's."""

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from project.files import FileState, state_of
from project.near_duplicates import word_hashes
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.record import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 50_000  # training rows that are looked at, from the first on
LEAST = 0.05  # of likeness: below it, only common words are shared


class NearRow(Record):
    """`likeness` is the share of all words of both questions that stand in both; rare words
    count more.
    """

    row: Row
    likeness: float


@dataclass(frozen=True, eq=False)
class TrainWords:
    """The words of training rows' questions, one behind the other."""

    lines: tuple[bytes, ...]
    words: "NDArray[np.uint32]"
    row: "NDArray[np.int64]"  # of each word, the row that it stands in

    def nearest(self, text: str, count: int) -> list[tuple[bytes, float]]:
        """The lines of the nearest rows, and how near they are."""
        import numpy as np

        kinds, which, rows = np.unique(self.words, return_inverse=True, return_counts=True)
        rarity = np.log((1 + len(self.lines)) / rows)
        own = np.array(word_hashes(text), dtype=np.uint32)
        weight = rarity[which]
        shared = np.bincount(
            self.row, weight * np.isin(kinds, own)[which], minlength=len(self.lines)
        )
        known = np.isin(own, kinds)
        size = rarity[np.searchsorted(kinds, own[known])].sum()
        size += (~known).sum() * np.log(1 + len(self.lines))
        every = np.bincount(self.row, weight, minlength=len(self.lines)) + size - shared
        likeness = np.divide(shared, every, out=np.zeros(len(self.lines)), where=every > 0)
        best = np.argsort(-likeness, kind="stable")[:count]
        return [(self.lines[i], float(likeness[i])) for i in best if likeness[i] >= LEAST]


def near_rows(prompt: str, count: int = 5) -> list[NearRow]:
    """Nearest first; none where nothing is curated."""
    path = rows_of(Split.TRAIN)
    if not path.exists():
        return []
    found = train_words(path, state_of(path)).nearest(prompt, count)
    return [NearRow(row=Row.parse(line, path), likeness=near) for line, near in found]


@lru_cache(1)
def train_words(path: Path, state: FileState) -> TrainWords:
    # Imported here, and above, so that other pages do not wait for it.
    import numpy as np

    with path.open("rb") as stream:
        lines = tuple(line for line in islice(stream, MOST) if line.strip())
    hashes = [word_hashes(asked(line)) for line in lines]
    return TrainWords(
        lines=lines,
        words=np.fromiter((h for some in hashes for h in some), dtype=np.uint32),
        row=np.repeat(np.arange(len(lines)), [len(some) for some in hashes]),
    )


def asked(line: bytes) -> str:
    """The prompt of a curated row, read lightly: there are many of them."""
    return "\n".join(message["content"] for message in json.loads(line)["prompt"])
