"""What the rows of a dataset are held against, beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.checks.columns.relevance import Task
from project.contacts import NO_CONTACTS, Contacts
from project.engine.embedded_texts import Embed


@dataclass(frozen=True)
class Refused:
    """What the policies of stage `curate` leave to the gate: ids of rows."""

    too_long: frozenset[str] = frozenset()
    conflicting: frozenset[str] = frozenset()


NOTHING = Refused()


@dataclass(frozen=True)
class Compared:
    """Eval items and the suites are known by what they ask."""

    ours: Contacts = NO_CONTACTS  # no personal data: the organisation's own
    refused: Refused = NOTHING
    evals: Sequence[str] = ()  # beside the rows of parts dev and sealed
    suites: Sequence[str] = ()
    task: str | None = None  # what the rows are to teach, in words
    gold: Sequence[tuple[str, str]] = ()  # questions and answers that show it
    aside: Sequence[
        str
    ] = ()  # sources of rows that are there for something else, as rehearsed ones
    reference: Sequence[str] = ()  # texts of the last version's rows, by which drift is told
    version: str | None = None  # whose rows these are, where that is known
    embed: Embed | None = None
    embedded_rows: int = 2_000
    seed: int = 0

    @property
    def taught(self) -> Task:
        return Task(self.gold, self.task, self.aside)


ALONE = Compared()
