"""The nouns that cross from one package to another: frozen, typed, each with a digest."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.canonical import canonical_json, digest_bytes, digest_json
from registry.errors import InputError
from registry.files import write_bytes, write_lines

Digest = str  # SHA-256, 64 hex digits


class Record(BaseModel):
    """A frozen value with canonical bytes; unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def canonical(self) -> bytes:
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> Digest:
        return digest_bytes(self.canonical())

    def write(self, path: Path) -> None:
        """Write the canonical JSON and a newline, whole or not at all."""
        write_bytes(path, self.canonical() + b"\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one record from a JSON file; raises InputError naming file and field."""
        return cls.parse(read_input(path), path)

    @classmethod
    def read_lines(cls, path: Path) -> tuple[Self, ...]:
        """Read a JSON Lines file, blank lines aside; raises InputError naming file, line, field."""
        lines = enumerate(read_input(path).splitlines(), start=1)
        return tuple(cls.parse(line, path, number) for number, line in lines if line.strip())

    @classmethod
    def parse(cls, data: bytes, path: Path, line: int | None = None) -> Self:
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise invalid(error, path, line) from None


def read_input(path: Path) -> bytes:
    """Read a file that the user named; raises InputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=path) from None


def invalid(error: ValidationError, path: Path, line: int | None = None) -> InputError:
    """Turn pydantic's first complaint into an InputError with its place."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    return InputError(first["msg"], file=path, line=line, field=field)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON Lines, whole or not at all."""
    write_lines(path, (record.canonical() for record in records))


def short(digest: Digest | None) -> str:
    """The first 12 digits of a digest, as people read it."""
    return digest[:12] if digest else "none"


# --- data ---------------------------------------------------------------------------------------


class Message(Record):
    role: Literal["system", "user", "assistant"]
    content: str


class Row(Record):
    """One training or evaluation example. Rows of one group are never split apart."""

    id: str = Field(min_length=1)
    prompt: tuple[Message, ...] = Field(min_length=1)
    completion: tuple[Message, ...] = Field(min_length=1)
    slices: dict[str, str] = {}
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


class Split(StrEnum):
    """Where a row goes. Everybody may look at dev; sealed alone decides."""

    TRAIN = "train"
    DEV = "dev"
    SEALED = "sealed"


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


# --- models and adapters ------------------------------------------------------------------------


class ModelPin(Record):
    """A base model or embedder, held fast by a digest of its weights."""

    model: str  # what the user named: "embedded", a Hub id or a path
    name: str  # what it is
    revision: str | None
    weights: Digest
    config: Digest  # of every other file that decides what it answers: config and tokenizer
    chat_template: Digest | None

    def __str__(self) -> str:
        return f"{self.name} (weights {short(self.weights)})"


class Adapter(Record):
    """What one training run made, before the registry gives it a number."""

    files: Digest  # of the adapter's folder
    base: ModelPin
    recipe: Digest
    dataset: Digest
    parent: Digest | None = None  # the adapter that training started from

    def __str__(self) -> str:
        return f"adapter {short(self.files)} on {self.base.name}"


class AdapterVersion(Record):
    family: str
    number: int
    adapter: Adapter
    actor: str
    at: str  # RFC 3339, UTC

    @property
    def label(self) -> str:
        return f"{self.family} v{self.number}"

    def __str__(self) -> str:
        return f"{self.label}: {self.adapter}, submitted {self.at} by {self.actor}"


class Opponent(Record):
    """Whom the challenger has to beat: a champion version, or the bare base model."""

    adapter: Digest | None = None  # None: the bare base
    base: Digest | None = None  # weights of the base that the champion was trained on
    version: int | None = None

    @property
    def label(self) -> str:
        return f"champion v{self.version}" if self.version else "bare base"

    def __str__(self) -> str:
        return f"{self.label} (adapter {short(self.adapter)})"


# --- scores, evidence, decision -----------------------------------------------------------------


class ItemScore(Record):
    """One eval item's scores; preference is the chance that the challenger is preferred."""

    item: str = Field(min_length=1)
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    champion: dict[str, float]
    challenger: dict[str, float]
    preference: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def both_sides_have_the_same_metrics(self) -> Self:
        odd = sorted(self.champion.keys() ^ self.challenger.keys())
        if odd:
            raise ValueError(f"metric {odd[0]!r} is on one side only")
        return self


class ScorePins(Record):
    """What the scores were measured with; two sides are comparable only under equal pins."""

    eval_set: Digest
    base: Digest
    champion: Digest | None  # adapter digest; None: the bare base
    challenger: Digest
    decoding: Digest
    scorers: Digest


class ScoreTable(Record):
    pins: ScorePins | None  # None: a table that another program made
    items: tuple[ItemScore, ...]

    def __str__(self) -> str:
        return f"{len(self.items)} items scored"


class MetricEvidence(Record):
    """A paired difference, challenger − champion, with its cluster-robust standard error."""

    n: int
    clusters: int
    unjudged: int  # items without a preference, left out of n
    champion_mean: float | None  # None for a preference, which has no two sides
    challenger_mean: float | None
    diff: float
    sd: float  # of the item differences
    se: float
    df: int
    p: float  # one-sided, of "not better than the margin asks"
    bootstrap: tuple[float, float]  # central 90 % interval of the cluster bootstrap


class Calibration(Record):
    """How well a source of preference agrees with pairs it was not trained on."""

    source: str
    n: int
    accuracy: float
    longer_accuracy: float  # what "pick the longer" reaches on the same pairs
    matched_n: int  # pairs of nearly equal length
    matched_accuracy: float | None

    def __str__(self) -> str:
        return f"{self.source}: {self.accuracy:.0%} of {self.n} held-out pairs"


class Evidence(Record):
    pins: ScorePins | None
    policy: Digest  # under which it was weighed
    dev: dict[str, MetricEvidence]
    sealed: dict[str, MetricEvidence]
    slices: dict[str, dict[str, MetricEvidence]]  # of the sealed part
    calibration: Calibration | None = None
    tokens: dict[str, float] = {}  # mean answer length per system

    def __str__(self) -> str:
        return f"evidence {short(self.digest)}: {len(self.sealed)} metrics"


class Verdict(StrEnum):
    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"


class Bound(Record):
    """One-sided (1−alpha) bounds of a mean difference."""

    lower: float
    upper: float
    won: bool


class Decision(Record):
    verdict: Verdict
    reasons: tuple[str, ...]
    opening: int | None  # None: the challenger did not qualify, the sealed exam stayed closed
    alpha: float | None
    bounds: dict[str, Bound]
    needed: int | None  # further items that would settle a HOLD
    pins: ScorePins | None
    evidence: Digest
    policy: Digest

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reasons[0]}"


# --- history ------------------------------------------------------------------------------------


EventKind = Literal["submit", "open", "decide", "promote", "rollback"]
Detail = dict[str, str | int | None]


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
