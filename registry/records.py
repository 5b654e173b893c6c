"""The nouns that cross from one package to another: frozen, typed, each with a digest."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from math import sqrt
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from registry.canonical import canonical_json, digest_bytes, digest_json
from registry.errors import InputError
from registry.files import write_bytes, write_lines

Digest = str  # SHA-256, 64 hex digits


# Of a field that records did not have from the start: without a value it is left out of the bytes,
# so that what was stored before keeps its digest.
LATER = Field(exclude_if=lambda value: value is None)


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


def read_object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """The JSON object on one line of a file. Raises InputError naming file and line."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", file=path, line=number) from None
    if not isinstance(fields, dict):
        raise InputError("a row must be a JSON object", file=path, line=number)
    return fields


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


Precision = Literal["float32", "bfloat16", "float16"]
Quantization = Literal["nf4", "int8", "none"]


class Numerics(Record):
    """How a model's numbers are computed; answers under different ones are never compared."""

    precision: Precision
    quantization: Quantization = "none"
    dequantized: bool = False  # once, when they were loaded
    processor: str  # its kind: maker and vector instructions, or the GPU's name

    def __str__(self) -> str:
        quantized = "" if self.quantization == "none" else f", {self.quantization}"
        once = " dequantised once" if self.dequantized else ""
        return f"{self.precision}{quantized}{once} on {self.processor}"


class Adapter(Record):
    """What one training run made, before the registry gives it a number."""

    files: Digest  # of the adapter's folder
    base: ModelPin
    recipe: Digest
    dataset: Digest
    parent: Digest | None = None  # the adapter that training started from
    numerics: Annotated[Numerics | None, LATER] = None  # of the training; None: not recorded

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
    # The adapter that the regression budget counts from, where it is not the champion itself.
    reference: Digest | None = None

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


class Exam(Record):
    """The items of an eval set, each by the digest of all that is asked and expected."""

    items: tuple[Digest, ...]

    def shared(self, other: "Exam") -> float:
        """The share of this exam's items that another one has too."""
        return len(set(self.items) & set(other.items)) / len(self.items)


class ScorePins(Record):
    """What the scores were measured with; two sides are comparable only under equal pins."""

    eval_set: Digest  # of its Exam
    base: Digest
    champion: Digest | None  # adapter digest; None: the bare base
    challenger: Digest
    decoding: Digest
    scorers: Digest
    numerics: Annotated[Numerics | None, LATER] = None  # of the answers; None: not recorded


class ScoreTable(Record):
    pins: ScorePins | None  # None: a table that another program made
    items: tuple[ItemScore, ...]

    def __str__(self) -> str:
        return f"{len(self.items)} items scored"


class Flags(Record):
    """What is odd about some items, and about which: {"truncated": ids}."""

    items: dict[str, tuple[str, ...]] = {}

    @classmethod
    def joined(cls, several: Iterable["Flags"]) -> Self:
        found: dict[str, set[str]] = {}
        for flags in several:
            for what, items in flags.items.items():
                found.setdefault(what, set()).update(items)
        return cls(items={what: tuple(sorted(items)) for what, items in sorted(found.items())})

    def __str__(self) -> str:
        return "".join(f"; {what}: {len(items)}" for what, items in self.items.items())


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
    wins: int  # items on which the challenger is better
    losses: int
    p: float  # one-sided, of "not better than the margin asks"
    bootstrap: tuple[float, float]  # central 90 % interval of the cluster bootstrap


class Calibration(Record):
    """How well a source of preference agrees with pairs that it was not trained on.

    Ties count half in every accuracy. What could not be measured is None: so are the lengths for
    ballots, whose reviewers are held against one another.
    """

    source: str
    n: int = Field(ge=0)  # pairs judged
    unjudged: int = Field(ge=0)
    accuracy: float | None  # None: no pair was judged
    kappa: float | None  # Cohen's, with a tie as a label of its own
    first_rate: float | None  # how often the answer shown first was preferred, a tie counting half
    longer_accuracy: float | None  # what "pick the longer" reaches on the same pairs
    shorter_accuracy: float | None
    matched_n: int = Field(ge=0)  # judged pairs of nearly equal length
    matched_accuracy: float | None
    matched_longer: float | None
    matched_shorter: float | None

    @property
    def advisory(self) -> str | None:
        """Why no promotion may rest on the source; None when it beats length and chance."""
        if self.accuracy is None:
            return f"no held-out pair tells how good {self.source} is"
        if self.longer_accuracy is None:
            return self.beaten_by_chance(self.accuracy, self.n, "held-out pairs")
        if self.matched_accuracy is None:
            return f"no held-out pair of like length tells what {self.source} goes by"
        return self.beaten_by_length or self.beaten_by_chance(
            self.matched_accuracy, self.matched_n, "pairs of like length"
        )

    @property
    def beaten_by_length(self) -> str | None:
        for pairs, accuracy, longer, shorter in (
            ("held-out pairs", self.accuracy, self.longer_accuracy, self.shorter_accuracy),
            (
                "those of like length",
                self.matched_accuracy,
                self.matched_longer,
                self.matched_shorter,
            ),
        ):
            for name, rival in (("longer", longer), ("shorter", shorter)):
                if accuracy is not None and rival is not None and accuracy <= rival:
                    return (
                        f"{self.source} is right on {accuracy:.0%} of the {pairs}, picking the "
                        f"{name} answer on {rival:.0%}"
                    )
        return None

    def beaten_by_chance(self, p: float, n: int, pairs: str) -> str | None:
        """By Wilson's (1927) one-sided 95 % lower bound of an accuracy p on n pairs."""
        z = 1.6448536269514722  # the 95 % point of the normal distribution
        centre, spread = p + z**2 / (2 * n), z * sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
        lower = (centre - spread) / (1 + z**2 / n)
        if lower > 0.5:
            return None
        return (
            f"{self.source} is right on {p:.0%} of {n} {pairs}, where a coin may be as good: 95 % "
            f"sure is only {lower:.0%}"
        )

    def __str__(self) -> str:
        if self.accuracy is None:
            return f"{self.source}: not calibrated"
        return f"{self.source}: {self.accuracy:.0%} of {self.n} held-out pairs"


Measured = dict[str, MetricEvidence]  # by metric


class Usage(Record):
    """What a system's answers to the sealed part cost, in mean tokens an answer."""

    prompt: float
    answer: float


class Evidence(Record):
    """All that a decision rests on; what was not measured is empty."""

    pins: ScorePins | None
    policy: Digest  # under which it was weighed
    dev: Measured
    sealed: Measured
    slices: dict[str, Measured]  # of the sealed part
    general: dict[str, Measured] = {}  # general ability: all items, then each slice
    reference: Measured = {}  # against the fixed reference instead of the champion, sealed
    few_shot: Measured = {}  # against the base with a few-shot prompt, sealed
    calibration: Calibration | None = None
    usage: dict[str, Usage] = {}  # by system

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
    budget: float | None = None  # of alpha, for all openings of this champion's exam
    alpha: float | None  # at which this opening was judged
    bounds: dict[str, Bound]
    needed: int | None  # further items that would settle a HOLD
    pins: ScorePins | None
    evidence: Digest
    policy: Digest

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reasons[0]}"


# --- ballots ------------------------------------------------------------------------------------


RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def moment(text: str) -> str:
    """Return the text; raises ValueError unless it is an RFC 3339 date and time that exists."""
    if not RFC_3339.fullmatch(text.upper()):
        raise ValueError(f"{text!r} is no RFC 3339 time such as 2026-01-31T12:00:00Z")
    datetime.fromisoformat(text.upper())
    return text


class Ballot(Record):
    """One reviewer's blind choice between the answers of two versions to one item."""

    item: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    left: str = Field(min_length=1)  # the version whose answer stood there
    right: str = Field(min_length=1)
    choice: Literal["left", "right", "tie", "both_bad"]
    at: Annotated[str, AfterValidator(moment)]

    @field_validator("right")
    @classmethod
    def two_versions(cls, right: str, info: ValidationInfo) -> str:
        if right == info.data.get("left"):
            raise ValueError(f"{right!r} is on both sides")
        return right

    @property
    def pair(self) -> tuple[str, str]:
        """The two versions by name, whichever side they stood on."""
        return (self.left, self.right) if self.left < self.right else (self.right, self.left)

    @property
    def winner(self) -> str | None:
        """The version that was chosen; None for a tie and for both bad."""
        return {"left": self.left, "right": self.right}.get(self.choice)

    def __str__(self) -> str:
        return f"{self.reviewer} on {self.item}: {self.winner or self.choice.replace('_', ' ')}"


# --- traffic ------------------------------------------------------------------------------------


class Feedback(Record):
    """What a user made of one answer."""

    rating: Literal[-1, 0, 1]
    correction: str | None = None  # the answer that the user would have liked


class Traffic(Record):
    """One request to the served model, and its answer. Fields that others add are left aside."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(min_length=1)
    at: Annotated[str, AfterValidator(moment)]
    user: str | None = None  # or a conversation: what is not independent within itself
    prompt: str | tuple[Message, ...]
    response: str
    adapter: str | None = None  # its digest, or the version's name; None: who held the seat
    feedback: Feedback | None = None
    latency_ms: float | None = None

    @property
    def prompt_text(self) -> str:
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n".join(message.content for message in self.prompt)

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.at.upper()).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.at}  {self.user or 'somebody'}: {self.prompt_text[:60]}"


class DayTally(Record):
    """What all of a day's rows were like, counted one by one."""

    hours: tuple[int, ...]  # rows in each hour of the day, UTC [24]
    worse: int  # ratings of −1
    neutral: int
    better: int
    corrected: int  # rows with the answer that the user would have liked
    empty: int  # answers without a word
    median_ms: float | None  # latency; None: no row tells it
    p95_ms: float | None


# --- drift --------------------------------------------------------------------------------------


class DriftVerdict(StrEnum):
    DRIFT = "drift"
    NO_DRIFT = "no_drift"
    INSUFFICIENT = "insufficient"


class SignalReading(Record):
    """What one signal says of the last nights, pooled, against the reference."""

    signal: str
    nights: int  # pooled, the last of them tonight
    n: int  # units: a user's rows of a night count once
    reference_n: int
    p: float  # of data like these when nothing has changed
    level: float  # that p must not exceed: this test's share of the false-alarm budget
    effect: float  # the share of traffic that moved, at least
    verdict: DriftVerdict

    @property
    def evidence(self) -> float:
        """1 or more is an alarm; where the effect is too small to matter, it stays below."""
        found = self.level / self.p
        return found if self.verdict is DriftVerdict.DRIFT else min(found, 0.99)

    def __str__(self) -> str:
        return f"{self.signal} over {self.nights} nights: p {self.p:.2g}, moved {self.effect:.1%}"


class Topic(Record):
    """A cluster of prompts, and its share of the traffic, in the reference and now."""

    name: str  # its typical words
    new: bool  # whether the reference lacks it
    before: float
    now: float
    z: float  # of the difference, in standard errors
    exemplars: tuple[str, ...]  # prompts, the most typical first
    perplexity: float | None = None  # the champion's, on its prompts
    rating: float | None = None  # the mean feedback

    def __str__(self) -> str:
        return f"{self.name}: {self.before:.1%} -> {self.now:.1%}"


class Watch(StrEnum):
    """How far a suspicion has come; it takes several nights to grow, and several to fade."""

    OK = "ok"
    WATCH = "watch"
    CONFIRMED = "confirmed"
    ACT = "act"


class Action(StrEnum):
    """What a night did about what it found."""

    NONE = "none"
    LABEL = "label"  # a queue of rows to label was written
    RETRAIN = "retrain"
    REFUSED = "refused"  # drift is confirmed, and something speaks against a retrain


class Outcome(StrEnum):
    """What became of a retrain."""

    PROMOTED = "promoted"
    REVIEW = "review"  # it won, and a person decides
    LOST = "lost"  # HOLD or REJECT
    FAILED = "failed"


class Night(Record):
    """One night's verdict, what followed from it, and why."""

    family: str
    date: str  # the UTC day of the traffic
    champion: int | None  # the version that was watched; None: the bare base
    reference: Digest | None  # the frozen traffic that its prompts were held against
    answers: Digest | None = None  # the same for its answers; None: there were too few before
    traffic: Digest | None  # of the day's partition; None: there is none
    rows: int
    units: int  # users, each counted once
    tally: DayTally | None = None
    set_aside: dict[str, int]  # corrupt lines by reason
    verdict: DriftVerdict
    readings: tuple[SignalReading, ...]
    topics: tuple[Topic, ...]
    exemplars: tuple[str, ...]
    new_words: tuple[str, ...]
    state: Watch
    action: Action
    reasons: tuple[str, ...]
    outcome: Outcome | None = None
    challenger: int | None = None  # the version that the retrain made

    @property
    def evidence(self) -> float:
        """Of the strongest signal; 1 or more is an alarm."""
        return max((reading.evidence for reading in self.readings), default=0)

    def __str__(self) -> str:
        return f"{self.date}: {self.verdict}, {self.state}; {self.reasons[0]}"


# --- history ------------------------------------------------------------------------------------


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
WatchKind = Literal["watch", "watch-answers"]
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
