"""Texts as vectors on the chosen engine, in shards that the texts alone decide.

What shares a batch with a text can change the last bit of its vector. So texts are sorted and cut
into shards first, and each shard is embedded whole, in this process or by a worker: to the same
bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.engine.engine_settings import chosen_engine
from project.engine.mapped import finished_batches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARD = 512  # texts: some seconds of work
Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]  # [texts, dimensions]


def shards_of(texts: Iterable[str]) -> list[list[str]]:
    """Each text once, the longest first: batches have little padding, and too little memory shows
    at once.
    """
    ordered = sorted(set(texts), key=lambda text: (-len(text), text))
    return [ordered[start : start + SHARD] for start in range(0, len(ordered), SHARD)]


def embedded_shards(
    shards: Sequence[Sequence[str]], here: Embed, elsewhere: Callable[[], Embed]
) -> Iterator[tuple[int, "NDArray[np.float32]"]]:
    """Yield each shard's place and vectors [n, d] when they are made.

    `here` embeds in this process, with the model that is loaded; `elsewhere`, which is picklable,
    makes the same on a worker.
    """
    params = chosen_engine(len(shards))
    yield from finished_batches(elsewhere if params else lambda: here, shards, params)


def unit_vectors(folder: Path) -> Embed:
    """A sentence-transformers model, whose vectors have length 1."""
    # Imported here because it brings torch, which takes seconds.
    from sentence_transformers import SentenceTransformer

    return encoder(SentenceTransformer(str(folder)))


def encoder(model: Any) -> Embed:
    return partial(model.encode, normalize_embeddings=True, show_progress_bar=False)
