"""Vectors of texts, made once and kept."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from copy import copy
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from project.canonical import digest_json
from project.engine.embedded_texts import Embed, embedded_shards, shards_of
from project.errors import IncumbentError, refuse_stopped
from project.model_pins import pinned_folder
from project.progress import progress
from project.records.adapters import ModelPin

Floats = NDArray[np.float32]

# --- embedder -------------------------------------------------------------------------------------

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
        by_text: dict[str, Floats] = {}
        for some, vectors in self.embedded(texts):
            by_text |= dict(zip(some, vectors, strict=True))
        return np.stack([by_text[text] for text in texts])

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
        every = [part for text_parts in parts for part in text_parts]
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
        pieces = [[text] for text in read]
        for i in long:
            pieces[i] = cut(read[i], self.model.tokenizer, limit)
        return pieces

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


# --- embedding cache ------------------------------------------------------------------------------

# A text of no more bytes fits every embedder. The key of a longer one says that it is read by
# parts: under the plain one lie vectors of the beginnings of texts, from before.
SHORT = 250
BUSY_SECONDS = 60
CHUNK = 1_000  # keys that are asked for at a time
TODAY = "CAST(julianday('now') AS INTEGER)"
SCHEMA = f"""CREATE TABLE IF NOT EXISTS embedded (
    model BLOB NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL,
    day INTEGER NOT NULL DEFAULT ({TODAY}), PRIMARY KEY (model, text)
)"""
INSERT = "INSERT OR IGNORE INTO embedded (model, text, vector) VALUES (?, ?, ?)"

STORED = np.dtype("<f2")


class Embeddings(Embedder):
    """An embedder whose vectors are kept as float16 in one SQLite file, by SHA-256 of the text.

    Any number of processes may share the file. The model is loaded when a text is new.
    """

    def __init__(self, pin: ModelPin, cache: Path) -> None:
        super().__init__(pin)
        self.cache = cache
        self.stop = Event()
        self.model_key = bytes.fromhex(digest_json([pin.weights, pin.config]))

    def until(self, stop: Event) -> Self:
        """The same, whose long work ends with StoppedError once the event is set."""
        stoppable = copy(self)
        stoppable.stop = stop
        return stoppable

    def encode(self, texts: Sequence[str]) -> Floats:
        """Embed texts -> [n, d] in their order, each row of length 1.

        All rows are read from the cache, so they are the same numbers whether a text is new or
        not. Many texts in one call are quicker than one by one. Raises IncumbentError when the
        embedder changed since it was pinned, makes values that are not finite, or the cache cannot
        be used.
        """
        if not texts:
            return self.encode([""])[:0]
        keys = [key_of(text) for text in texts]
        with self._open() as connection:
            while True:
                connection.execute("BEGIN")  # what is there now can be read, whoever deletes it
                missing = self._missing(connection, texts, keys)
                if not missing:
                    return self._read(connection, keys)
                connection.rollback()
                self._fill(connection, missing)

    def count_new(self, texts: Sequence[str]) -> int:
        """How many texts are yet to be embedded."""
        with self._open() as connection:
            return len(self._missing(connection, texts, [key_of(text) for text in texts]))

    def expire(self, keep_days: int) -> None:
        """Delete what was embedded over keep_days ago: in use or not, and made again if it is."""
        with self._open() as connection, connection:
            connection.execute(f"DELETE FROM embedded WHERE day < {TODAY} - ?", (keep_days,))

    # --- the cache's database -------------------------------------------------------------------

    def _missing(
        self, connection: sqlite3.Connection, texts: Sequence[str], keys: list[bytes]
    ) -> dict[bytes, str]:
        """The texts that are not in the cache, each once."""
        missing: dict[bytes, str] = {}
        for start in range(0, len(keys), CHUNK):
            part = slice(start, start + CHUNK)
            known = {key for (key,) in self._select(connection, "text", keys[part])}
            pairs = zip(keys[part], texts[part], strict=True)
            missing |= {key: text for key, text in pairs if key not in known}
        return missing

    def _fill(self, connection: sqlite3.Connection, missing: dict[bytes, str]) -> None:
        """A shard is in the cache once it is made: a night that is stopped goes on from there."""
        refuse_stopped(self.stop)
        for texts, vectors in self.embedded(missing.values()):
            keyed = zip(map(key_of, texts), np.asarray(vectors, STORED), strict=True)
            rows = [(self.model_key, key, vector.tobytes()) for key, vector in keyed]
            with connection:
                connection.executemany(INSERT, rows)
            refuse_stopped(self.stop)

    def _read(self, connection: sqlite3.Connection, keys: list[bytes]) -> Floats:
        """The unit vectors of keys that are all in the cache -> [n, d]."""
        vectors = np.empty((0, 0), dtype=np.float32)
        for start in range(0, len(keys), CHUNK):
            part = keys[start : start + CHUNK]
            by_key = dict(self._select(connection, "text, vector", part))
            stored = np.frombuffer(b"".join(by_key[key] for key in part), dtype=STORED)
            rows = stored.astype(np.float32).reshape(len(part), -1)
            if start == 0:
                vectors = np.empty((len(keys), rows.shape[1]), dtype=np.float32)
            # Rounding to float16 took a little of their length.
            vectors[start : start + CHUNK] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    def _select(
        self, connection: sqlite3.Connection, columns: str, keys: list[bytes]
    ) -> sqlite3.Cursor:
        marks = ",".join("?" * len(keys))
        query = f"SELECT {columns} FROM embedded WHERE model = ? AND text IN ({marks})"
        return connection.execute(query, (self.model_key, *keys))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with suppress(OSError):  # without its folder, the database says that it cannot be opened
            self.cache.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.cache, timeout=BUSY_SECONDS)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")  # a lost cache is made again
                connection.execute(SCHEMA)
                yield connection
        except sqlite3.Error as error:
            problem = f"the cache of embeddings in {self.cache} cannot be used: {error}"
            advice = "make room if the disk is full; delete the file if it is damaged"
            raise IncumbentError(f"{problem}: {advice}") from error


def key_of(text: str) -> bytes:
    data = text.encode()
    return hashlib.sha256(data if len(data) <= SHORT else b"by parts\0" + data).digest()
