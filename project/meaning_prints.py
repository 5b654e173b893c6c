"""What texts ask, whatever their words: vectors of an embedder, by which a reworded set is told.

Words know no paraphrase. An embedder knows many of them, and takes other questions of the same
subject for one too. So no text is told by it alone: a set of them is, by how many of its texts are
far nearer to one of the other set than that one's own neighbours are.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from project.canonical import digest_json
from project.engine.embedded_texts import unit_vectors
from project.model_pins import pinned_folder
from project.records.adapters import ModelPin
from project.records.record import Digest, Record
from project.unicode_words import folded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Cosines of all-MiniLM-L6-v2, each side less its own mean. `python -m benchmarks.reworded_sets`
# measures what they find: docs/explain/security.md has the figures.
NEAR, NEARER = 0.55, 0.1  # and so much more than to the neighbour in the other's own set
LEAST_TEXTS = 30  # of a set: fewer have no mean to speak of
STEPS = 127  # of a part of a vector, from 0 to 1: one byte with its sign


class MeaningPrints(Record):
    """Texts as unit vectors of one embedder, in their order."""

    embedder: Digest  # of its weights and configuration
    texts: int
    vectors: str  # base64 of a signed byte for each part: [texts, width]

    @classmethod
    def of(cls, pin: ModelPin, texts: Sequence[str]) -> Self:
        """Raises IncumbentError where the embedder is not on this machine as it was pinned."""
        embed = unit_vectors(pinned_folder(pin, "embedder"))
        embedder = digest_json([pin.weights, pin.config])
        return cls.packed(embedder, embed([folded(text) for text in texts]))

    @classmethod
    def packed(cls, embedder: Digest, vectors: "NDArray[np.float32]") -> Self:
        """`vectors` [n, width] have length 1."""
        parts = (vectors * STEPS).round().astype("int8")
        return cls(embedder=embedder, texts=len(parts), vectors=b64encode(parts.tobytes()).decode())

    def centred(self) -> "NDArray[np.float32]":
        """The vectors [n, width] less what all of them share, such as an instruction before every
        question; again of length 1.
        """
        import numpy as np  # here, so that whoever only reads records does not wait for it

        parts = np.frombuffer(b64decode(self.vectors), np.int8).reshape(self.texts, -1)
        centred = parts - parts.mean(axis=0)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(lengths, 1e-9), dtype=np.float32)


def reworded_share(own: MeaningPrints, others: MeaningPrints) -> float:
    """The share of our texts that say what one of the others says, in other words or the same.

    0 where two embedders made the vectors, or where a side has too few texts. How near the other's
    own neighbours are is asked of its set alone: whoever words ours has no part in it.
    """
    if own.embedder != others.embedder or min(own.texts, others.texts) < LEAST_TEXTS:
        return 0.0
    import numpy as np

    ours, theirs = own.centred(), others.centred()
    neighbours = theirs @ theirs.T
    np.fill_diagonal(neighbours, -1)
    cosines = ours @ theirs.T
    nearest, best = cosines.argmax(axis=1), cosines.max(axis=1)
    clearly = best >= neighbours.max(axis=1)[nearest] + NEARER
    return float(np.mean((best >= NEAR) & clearly))
