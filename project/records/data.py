"""Rows, the dataset version that they make, and the report of its checks."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field

from project.canonical import digest_json
from project.records.record import Digest, Record, short


class Message(Record):
    role: Literal["system", "user", "assistant"]
    content: str


class Row(Record):
    """One training or evaluation example. Rows of one group are never split apart."""

    id: str = Field(min_length=1)
    prompt: tuple[Message, ...] = Field(min_length=1)
    completion: tuple[Message, ...] = Field(min_length=1)
    slices: dict[str, str] = Field(default={})
    group: str
    source: str

    @classmethod
    def of(cls, prompt: str, completion: str, *, group: str, source: str, **slices: str) -> Self:
        """A single-turn row whose id is the digest of its text."""
        return cls(
            id=digest_json([source, prompt, completion])[:16],
            prompt=(Message(role="user", content=prompt),),
            completion=(Message(role="assistant", content=completion),),
            slices=slices,
            group=group,
            source=source,
        )

    @property
    def prompt_text(self) -> str:
        return "\n".join(message.content for message in self.prompt)

    @property
    def completion_text(self) -> str:
        return "\n".join(message.content for message in self.completion)

    def __str__(self) -> str:
        return f"row {self.id} ({self.source}): {self.completion_text[:60]}"


class TokenCount(Record):
    """How long a row is, in tokens of the base, by its chat template."""

    row: str  # its id
    prompt: int  # with what the template puts before an answer
    completion: int  # with the end token


class Split(StrEnum):
    """Where a row goes. Everybody may look at dev; sealed alone decides."""

    TRAIN = "train"
    DEV = "dev"
    SEALED = "sealed"


class SeenItem(Record):
    """An eval item that accepted rows are near-duplicates of: users asked for it too. It stays."""

    item: str
    part: Split
    rows: tuple[str, ...]  # the accepted rows that are near-duplicates of it


class SeenItems(Record):
    items: tuple[SeenItem, ...]


class DatasetVersion(Record):
    rows: Digest
    splits: dict[Split, int]
    sources: tuple[str, ...]
    contract: Digest
    dvc_revision: str | None = None  # DVC's checksum of the curated folder, as dvc.lock has it

    def __str__(self) -> str:
        sizes = ", ".join(f"{count} {split}" for split, count in self.splits.items())
        return f"dataset {short(self.digest)} ({sizes})"


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"


class Check(Record):
    """One expectation's outcome. failing_rows lists every failing row id, in file order."""

    name: str
    severity: Severity
    passed: bool
    limit: str
    observed: str
    failing_rows: tuple[str, ...] = ()
    crashed: str | None = None  # the exception's text when the check itself broke

    def __str__(self) -> str:
        if self.passed:
            return f"{self.name}: ok"
        if self.crashed:
            return f"{self.name} ({self.severity}): the check itself crashed: {self.crashed}"
        first = ", ".join(self.failing_rows[:5])
        rows = f", {len(self.failing_rows)} failing rows: {first}" if first else ""
        more = " …" if len(self.failing_rows) > 5 else ""
        return f"{self.name} ({self.severity}): {self.observed}, limit {self.limit}{rows}{more}"


class GateReport(Record):
    dataset_rows: Digest
    contract: Digest
    row_count: int
    checks: tuple[Check, ...]

    def failed(self, severity: Severity) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if not c.passed and c.severity == severity)

    def __str__(self) -> str:
        failed = sum(not check.passed for check in self.checks)
        return f"gate: {len(self.checks) - failed} of {len(self.checks)} checks passed"
