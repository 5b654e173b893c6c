"""Sentence embeddings by the pinned embedder, each text embedded once and then kept."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from copy import copy
from pathlib import Path
from threading import Event
from typing import Self

import numpy as np

from monitoring.features.embedder import Embedder
from monitoring.scheduling.job import refuse_stopped
from monitoring.signals.signal import Floats
from project.canonical import digest_json
from project.errors import IncumbentError
from project.records.adapters import ModelPin

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
            found = dict(self._select(connection, "text, vector", part))
            stored = np.frombuffer(b"".join(found[key] for key in part), dtype=STORED)
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
