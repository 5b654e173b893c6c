"""The registry's history: one event a line."""

from typing import Literal

from project.records.record import Digest, Record

EventKind = Literal[
    "submit",
    "sign",
    "open",
    "decide",
    "promote",
    "rollback",
    "reject",
    "alias",
    "delete",
    "watch",
    "watch-answers",
]


ReferenceKind = Literal["watch", "watch-answers"]


Detail = dict[str, str | int | tuple[str, ...] | None]


class Event(Record):
    """One line of the registry's history, chained to the line before it."""

    seq: int
    kind: EventKind
    family: str
    version: int
    detail: Detail
    actor: str
    reason: str
    at: str
    previous: Digest

    def __str__(self) -> str:
        return f"{self.at}  {self.kind} v{self.version}  {self.actor}: {self.reason}"
