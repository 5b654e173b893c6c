"""Rows, the dataset version that they make, and the report of its checks."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from project.canonical import canonical_json, digest_json
from project.records.assertion_kinds import RowAssertions
from project.records.record import LATER, Digest, Record, short
from project.records.scenarios import Scenario, of_known_tools
from project.records.tool_calls import OfferedTools, ToolCall, unanswered


class Message(Record):
    """A turn of a conversation; calls of tools and their results as OpenAI's API has them."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: Annotated[tuple[ToolCall, ...] | None, Field(min_length=1), LATER] = None
    tool_call_id: Annotated[str | None, LATER] = None  # of a result: the call that it is of
    name: Annotated[str | None, LATER] = None  # of a result: the tool
    # Of an answer: whether training.sft.loss_on `weighted` learns it.
    weight: Annotated[Literal[0, 1] | None, LATER] = None

    @model_validator(mode="after")
    def speaks_as_its_role_does(self) -> Self:
        if self.role != "assistant" and (self.tool_calls or self.weight is not None):
            raise ValueError("tool_calls and weight are of the role assistant")
        if self.role != "tool" and (self.tool_call_id or self.name):
            raise ValueError("tool_call_id and name are of the role tool")
        return self

    @property
    def text(self) -> str:
        """What it says, with its calls as a text: what is compared and looked through."""
        calls = [call.text for call in self.tool_calls or ()]
        return "\n".join(filter(None, [self.content, *calls])) if calls else self.content


class EvidencePassage(Record):
    """A piece of a text that an answer can stand on."""

    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    source: Annotated[str | None, LATER] = None  # the document that it is of


def evidence_digest(passages: Iterable[EvidencePassage] | None) -> str:
    """Of what passages say, in their order, blanks aside; empty where there are none."""
    texts = [" ".join(passage.text.split()) for passage in passages or ()]
    return digest_json(texts) if texts else ""


class PassageIndex(Record):
    """The passages of documents that questions are answered by, beside those that a row brings."""

    files: Digest | None  # of the index's folder; None: the settings name no documents
    passages: int


class Row(Record):
    """One training or evaluation example. Rows of one group are never split apart."""

    id: str = Field(min_length=1)
    prompt: tuple[Message, ...] = Field(min_length=1)
    completion: tuple[Message, ...] = Field(min_length=1)
    slices: dict[str, str] = Field(default={})
    group: str
    source: str
    annotator: Annotated[str | None, LATER] = None  # who wrote the answer, as the source names them
    context: Annotated[str | None, LATER] = None  # a text that holds what the answer may say
    synthetic: Annotated[str | None, LATER] = None  # the model that wrote it, if no person did
    # What has to hold for an answer, whoever gives it.
    assertions: Annotated[RowAssertions | None, LATER] = None
    # What the model reads beside the question, in this order: an answer cites the first as [1].
    evidence: Annotated[tuple[EvidencePassage, ...] | None, Field(min_length=1), LATER] = None
    answerable: Annotated[bool | None, LATER] = None  # whether the evidence holds an answer
    calculation: Annotated[str | None, LATER] = None  # by which the answer's figures are reckoned
    tools: OfferedTools = None  # what the model may call
    # Of a conversation that is to be had: an item for evaluation alone.
    scenario: Annotated[Scenario | None, AfterValidator(of_known_tools), LATER] = None

    @field_validator("completion")
    @classmethod
    def calls_are_answered(
        cls, completion: tuple[Message, ...], info: ValidationInfo
    ) -> tuple[Message, ...]:
        turns = (*info.data.get("prompt", ()), *completion)
        if problem := unanswered([(m.role, m.tool_calls or (), m.tool_call_id) for m in turns]):
            raise ValueError(problem)
        if any(turn.weight == 0 for turn in completion):
            raise ValueError("its answer has weight 0: nothing of it is to be learnt")
        return completion

    @classmethod
    def of(
        cls,
        prompt: str,
        completion: str,
        *,
        group: str,
        source: str,
        row_id: str | None = None,
        **slices: str,
    ) -> Self:
        """A single-turn row. Without an id of its own it is named by the digest of its text."""
        return cls(
            id=row_id or digest_json([source, prompt, completion])[:16],
            prompt=(Message(role="user", content=prompt),),
            completion=(Message(role="assistant", content=completion),),
            slices=slices,
            group=group,
            source=source,
        )

    @property
    def prompt_text(self) -> str:
        return "\n".join([message.text for message in self.prompt])

    @property
    def completion_text(self) -> str:
        return "\n".join([message.text for message in self.completion])

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls that its answer is; none of an answer in words."""
        return tuple(call for turn in self.completion for call in turn.tool_calls or ())

    @property
    def is_conversation(self) -> bool:
        """Whether it is more than one question and one answer in words."""
        return len(self.prompt) > 1 or len(self.completion) > 1 or bool(self.tools or self.calls)

    @property
    def tools_text(self) -> str:
        """What its tools say of themselves, in JSON, and its scenario; empty without these."""
        told = (self.tools, self.scenario and self.scenario.model_dump(mode="json"))
        return "\n".join(canonical_json(tool).decode() for tool in told if tool)

    @property
    def tools_digest(self) -> str:
        """Of tools, calls, results and scenario, sign by sign; empty where it has none of them."""
        turns = (*self.prompt, *self.completion)
        call_texts = [m.text for m in turns if m.tool_calls or m.role == "tool"]
        call_texts += [self.scenario.digest] if self.scenario else []
        return digest_json([self.tools, call_texts]) if call_texts or self.tools else ""

    @property
    def evidence_digest(self) -> str:
        return evidence_digest(self.evidence)

    @property
    def asked_and_expected(self) -> list[str]:
        """All that an item of an eval set is: with another one of these it is another item."""
        expectations = [self.assertions_text] if self.assertions else []
        shown = filter(None, [self.evidence_digest, self.tools_digest])
        return [self.prompt_text, self.completion_text, *expectations, *shown]

    @property
    def assertions_text(self) -> str:
        """A list in JSON, empty where it has none."""
        dumped = [assertion.model_dump(mode="json") for assertion in self.assertions or ()]
        return canonical_json(dumped).decode()

    @property
    def texts(self) -> tuple[str, str]:
        """Prompt and answer: two rows that say the same are one."""
        return self.prompt_text, self.completion_text

    def __str__(self) -> str:
        return f"row {self.id} ({self.source}): {self.completion_text[:60]}"


class Document(Record):
    """A text to adapt a model to its domain with: it asks and answers nothing."""

    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    source: str

    @classmethod
    def of(cls, text: str, *, source: str) -> Self:
        return cls(id=digest_json([source, text])[:16], text=text, source=source)


class Origin(Record):
    """A record of a source, and the row that was made of it, or why there is none."""

    file: str  # its name below datasets/sources; of a package, its name
    line: int  # on which it begins; of what has no lines, its number
    row: str | None = None  # its id: of a row, a preference pair, a rated answer or a document
    why: str | None = None


class TextChange(Record):
    """What stage `curate` put right in a text, shown by the stretch around the first difference."""

    row: str  # its id
    field: str  # prompt or completion
    why: str
    before: str
    after: str


class TokenCount(Record):
    """How long a row is, in tokens of the base, by its chat template."""

    row: str  # its id
    prompt: int  # with what the template puts before an answer
    completion: int  # with the end token


ACCEPTED = "labelled.jsonl"  # the source of accepted rows: `incumbent data labels` alone adds to it


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


class TaughtBy(Record):
    """A version that wrote rows of a source, and under which terms they may be learnt from."""

    name: str  # its label, by which the rows are marked
    adapter: Digest | None
    base: str
    licence: str

    def __str__(self) -> str:
        adapter = f"adapter {short(self.adapter)} on " if self.adapter else ""
        return f"{self.name} ({adapter}{self.base}), whose answers are under {self.licence}"


class DataSource(Record):
    """A file, a folder or a package that rows came from, as it was when a version was submitted."""

    name: str  # its path in the project, of a folder with a slash behind; or a package's name
    content: Digest | None = None  # of the file, or of the folder's files; None: of a package
    version: str | None = None  # of a package
    licence: str | None = None  # as SPDX spells it, or as somebody wrote it; None: nobody said
    taught: Annotated[tuple[TaughtBy, ...] | None, LATER] = None  # who wrote some of the rows

    @property
    def of_files(self) -> bool:
        """Whether its digest is that of a folder, which no single file has."""
        return self.name.endswith("/")


class DataSources(Record):
    collected_from: tuple[DataSource, ...]


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"


class Waived(Record):
    """Failing rows of a check, excused by a person for a time."""

    by: str
    until: date  # the last day, in UTC, on which it holds
    reason: str
    rows: tuple[str, ...]  # ids; none where the check is about no single row

    def expired(self, today: date) -> bool:
        return today > self.until

    @property
    def extent(self) -> str:
        """How much it excuses, in words."""
        return counted(len(self.rows), "row") if self.rows else "the whole check"

    def __str__(self) -> str:
        return f"{self.extent} until {self.until}, by {self.by}: {self.reason}"


class Check(Record):
    """One expectation's outcome. failing_rows lists every failing row id, in file order."""

    name: str
    severity: Severity
    passed: bool  # as the waivers have it, on a day when none of them has expired
    limit: str
    observed: str
    failing_rows: tuple[str, ...] = ()
    crashed: str | None = None  # the exception's text when the check itself broke
    column: Annotated[str | None, LATER] = None  # that it looks at, if it is one
    waived: Annotated[tuple[Waived, ...] | None, LATER] = None
    # It passes, for there was nothing to look at, such as no last version to compare with.
    unmeasured: Annotated[Literal[True] | None, LATER] = None

    @property
    def tolerated(self) -> bool:
        """Whether it passes though it names rows: fewer than the contract puts up with."""
        return self.met and bool(self.failing_rows)

    @property
    def met(self) -> bool:
        """Whether the rows are as the contract wants them, without a waiver."""
        return self.passed and not self.waived

    def expired(self, today: date) -> tuple[Waived, ...]:
        return tuple(waived for waived in self.waived or () if waived.expired(today))

    def passes(self, today: date) -> bool:
        return self.passed and not self.expired(today)

    def unexcused(self, today: date) -> tuple[str, ...]:
        """The failing rows that no waiver excuses on a day."""
        held = (waived for waived in self.waived or () if not waived.expired(today))
        excused = {row for waived in held for row in waived.rows}
        return tuple(row for row in self.failing_rows if row not in excused)

    @property
    def unwaived(self) -> tuple[str, ...]:
        """The failing rows that no waiver is about, be it an old one."""
        return self.unexcused(date.min)

    def __str__(self) -> str:
        if self.unmeasured:
            return f"{self.name}: {self.observed}"
        if self.passed:
            excuses = "; ".join(map(str, self.waived or ()))
            return f"{self.name}: ok" + (f", waived: {excuses}" if excuses else "")
        if self.crashed:
            return f"{self.name} ({self.severity}): the check itself crashed: {self.crashed}"
        first = ", ".join(self.failing_rows[:5])
        rows = f", {len(self.failing_rows)} failing rows: {first}" if first else ""
        more = " …" if len(self.failing_rows) > 5 else ""
        return f"{self.name} ({self.severity}): {self.observed}, limit {self.limit}{rows}{more}"


class UnusedWaiver(Record):
    """A waiver that excuses nothing: its rows left, or do not fail any more."""

    check: str
    by: str
    until: date

    def __str__(self) -> str:
        return f'the waiver of "{self.check}" by {self.by} until {self.until}'


class GateReport(Record):
    dataset_rows: Digest
    contract: Digest
    row_count: int
    checks: tuple[Check, ...]
    waivers: Annotated[Digest | None, LATER] = None  # of the file of waivers, if it says anything
    unused: Annotated[tuple[UnusedWaiver, ...] | None, LATER] = None
    # Accepted rows that were left out, for a critical check would have failed by them: by reason.
    left_out: Annotated[dict[str, int] | None, LATER] = None

    def failed(self, severity: Severity) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if not c.passed and c.severity == severity)

    @property
    def waived(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.waived)

    def __str__(self) -> str:
        passed = sum(check.passed for check in self.checks)
        waived = sum(check.passed and not check.met for check in self.checks)
        excused = f", {waived} of them by waivers" if waived else ""
        return f"gate: {passed} of {len(self.checks)} checks passed{excused}"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"
