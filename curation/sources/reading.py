"""What is read from a source: a record, and what was made of it."""

from typing import NamedTuple

from project.records.data import Document, Origin, Row
from project.records.preferences import PreferencePair, RatedAnswer

Made = Row | PreferencePair | RatedAnswer | Document


class Read(NamedTuple):
    """A record, and what was made of it, if anything was; else its origin says why not."""

    origin: Origin
    made: Made | None = None
