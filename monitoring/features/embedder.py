"""The pinned embedder: texts in, unit vectors out, long texts by parts."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from monitoring.signals.signal import Floats
from project.engine.embedded_texts import Embed, embedded_shards, shards_of
from project.errors import IncumbentError
from project.model_pins import pinned_folder
from project.progress import progress
from project.records.adapters import ModelPin

READ = 32_000  # characters of a text: of a longer one so many are read, from all over it
EXCERPTS = 32  # places that they are read at


class Embedder:
    """A text that the model reads whole has the model's own vector. A longer one has the mean of
    its parts' vectors, scaled to length 1, so that no part of it is overlooked.
    """

    def __init__(self, pin: ModelPin) -> None:
        self.pin = pin

    def encode(self, texts: Sequence[str]) -> Floats:
        """Embed texts -> [n, d] in their order, equal ones once; the longest first, so that batches
        have little padding. Raises IncumbentError when the embedder changed since it was pinned, or
        makes values that are not finite.
        """
        if not texts:
            return self.embed([""])[:0]  # which has the right d
        found: dict[str, Floats] = {}
        for some, vectors in self.embedded(texts):
            found |= dict(zip(some, vectors, strict=True))
        return np.stack([found[text] for text in texts])

    def embedded(self, texts: Iterable[str]) -> Iterator[tuple[Sequence[str], Floats]]:
        """Yield shards of the texts with their vectors [n, d], made on the chosen engine."""
        shards = shards_of(texts)
        with progress("embed", sum(map(len, shards)), "texts", leave=False) as bar:
            for place, vectors in embedded_shards(shards, self.embed, partial(like, self.pin)):
                yield shards[place], vectors
                bar.advance(len(shards[place]))

    def embed(self, texts: Sequence[str]) -> Floats:
        """The vectors of some texts, in one go [n, d]."""
        parts = self.parts(texts)
        every = [part for own in parts for part in own]
        vectors = self.model.encode(every, normalize_embeddings=True, show_progress_bar=False)
        if not np.isfinite(vectors).all():
            raise IncumbentError(f"{self.pin} makes embeddings that are not finite: choose another")
        if len(every) == len(parts):
            return np.asarray(vectors, np.float32)
        first = np.cumsum([0, *map(len, parts[:-1])])
        sums = np.add.reduceat(np.asarray(vectors, np.float32), first)
        scaled: Floats = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return scaled

    def parts(self, texts: Sequence[str]) -> list[list[str]]:
        """Each text as parts that the model reads whole."""
        read = [excerpts(text) for text in texts]
        limit = tokens_read(self.model)
        long = [i for i, text in enumerate(read) if limit and len(text.encode()) > limit]
        found = [[text] for text in read]
        for i in long:
            found[i] = cut(read[i], self.model.tokenizer, limit)
        return found

    @cached_property
    def model(self) -> Any:
        return self.load()

    def load(self) -> Any:
        # Imported here because a night whose texts are all known need not wait for torch.
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(pinned_folder(self.pin, "embedder")))


def like(pin: ModelPin) -> Embed:
    """What a worker embeds with."""
    return Embedder(pin).embed


def is_cut(text: str) -> bool:
    """Whether a part of it is not read."""
    return len(text) > READ


def excerpts(text: str) -> str:
    """What is read of a text: all of it, or the beginnings of as many stretches of equal length."""
    if not is_cut(text):
        return text
    places = np.linspace(0, len(text) - READ // EXCERPTS, EXCERPTS).astype(int).tolist()
    return "\n".join(text[place : place + READ // EXCERPTS] for place in places)


def tokens_read(model: Any) -> int:
    """How many tokens of a text a model reads; 0 where it does not say."""
    most = getattr(model, "max_seq_length", None)
    tokenizer: Any = getattr(model, "tokenizer", None)
    if not most or not getattr(tokenizer, "is_fast", False):
        return 0
    return int(most) - int(tokenizer.num_special_tokens_to_add())


def cut(text: str, tokenizer: Any, limit: int) -> list[str]:
    """A text as parts of at most so many tokens, about as long as one another, between words."""
    coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    spans, words = coded["offset_mapping"], coded.word_ids()
    if len(spans) <= limit:
        return [text]
    borders = [0]
    while len(spans) - borders[-1] > limit:
        left = len(spans) - borders[-1]
        at = borders[-1] + -(-left // -(-left // limit))
        borders.append(before_word(words, at, borders[-1]))
    borders.append(len(spans))
    return [text[spans[a][0] : spans[b - 1][1]] for a, b in pairwise(borders)]


def before_word(words: Sequence[int | None], at: int, after: int) -> int:
    """The place where the word begins that a token is of; the token itself in a word that long."""
    place = at
    while place > after + 1 and words[place] == words[place - 1]:
        place -= 1
    return place if place > after + 1 else at
