"""Answers of a model to eval items: made in units that rows alone decide, cached, resumable."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Protocol

from pydantic import Field

from project.canonical import digest_bytes, digest_json
from project.engine.engine_settings import chosen_engine
from project.engine.mapped import finished_batches
from project.errors import InputError
from project.files import home, write_bytes
from project.paths import ANSWERS
from project.progress import Bar, progress
from project.records.adapters import Contestant, Numerics
from project.records.data import EvidencePassage, Message, Row
from project.records.record import LATER, Digest, Record, later
from project.records.scenarios import ConversationEnd
from project.shown_passages import all_with_passages
from project.tool_rendering import FORM, has_tools, knows_tools

LIBRARIES = ("torch", "transformers", "peft")
FORMAT = 2  # of the cache's files
# Of drawn answers, the same for both sides: whoever could choose it could choose draws that win.
SEED = 0
BATCHES = 4  # in a unit: more keep a batch full for longer, fewer lose less at an interruption


class Role(StrEnum):
    """What a system is in the evaluation; files and figures go by these names."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    REFERENCE = "reference"  # the regression baseline, where it is not the champion
    FEW_SHOT = "few-shot"  # the bare base, shown examples
    BASE = "base"  # the same without examples; it answers suites, where it is not the champion


SIDES = (Role.CHAMPION, Role.CHALLENGER)  # of the comparison that decides


class Answer(Record):
    item: str
    text: str
    tokens: int  # generated, the end token included
    prompt_tokens: int
    # Of the row's own completion under this system: the mean log-probability of a token, in nats,
    # the end token included; None where the system cannot read it.
    reference_logprob: float | None = None
    reference_tokens: Annotated[int | None, LATER] = None  # of which that is the mean
    # The row's own completion as the base's chat template writes it, where that is not its text: of
    # calls. What the answer is held against.
    reference: Annotated[str | None, LATER] = None
    token_logprobs: Annotated[tuple[float, ...] | None, LATER] = None  # each, in suite memorisation
    sample: int = later(0)  # which of several answers to the item, counted from 0
    # The passages that a system with an index was asked with.
    evidence: Annotated[tuple[EvidencePassage, ...] | None, LATER] = None
    # Of a whole conversation: all turns after the prompt, of which the text is the same in words.
    turns: Annotated[tuple[Message, ...] | None, LATER] = None
    end: Annotated[ConversationEnd | None, LATER] = None  # likewise: how it went


class TooLongError(InputError):
    """A prompt that leaves no room for an answer in the model's context."""

    def __init__(self, item: str, problem: str) -> None:
        super().__init__(problem, field="prompt")
        self.item = item


def versions() -> tuple[str, ...]:
    """The versions of the libraries that make answers; a reader of answers need not have them."""
    return tuple(f"{name} {version(name)}" for name in LIBRARIES)


class System(Record):
    """All that decides an answer besides the prompt."""

    base: Digest  # of its pin: weights, configuration, tokenizer, chat template
    adapter: Digest | None  # None: the bare base
    system_prompt: Annotated[str | None, LATER] = None
    evidence_template: Annotated[str | None, LATER] = None
    index: Annotated[Digest | None, LATER] = None
    decoding: Digest
    numerics: Numerics  # and the server that answers, where one does
    code: Digest  # of the modules that make answers
    libraries: tuple[str, ...] = Field(default_factory=versions)
    model: Annotated[str | None, LATER] = None  # that stands for it on a server of any kind
    conversations: Annotated[Digest | None, LATER] = None  # of what decides how those go


def system_of(
    contestant: Contestant, decoding: Digest, numerics: Numerics, code: Digest, **more: Any
) -> System:
    """What decides a contestant's answers; `more` are the fields that engines differ in."""
    # What a hosted model answers, its version's kept answers decide.
    files = contestant.adapter if contestant.base.hosted else contestant.lora
    return System(
        base=contestant.base.digest,
        adapter=files,
        system_prompt=contestant.system_prompt,
        evidence_template=contestant.evidence_template,
        index=contestant.index,
        decoding=decoding,
        numerics=numerics,
        code=code,
        **more,
    )


@cache
def reads_tools(base: Path) -> bool:
    """Whether the chat template of a base in a folder knows tools."""
    from transformers import AutoTokenizer  # a reader of answers need not have it

    return knows_tools(AutoTokenizer.from_pretrained(base))


class AnswerUnit(Record):
    """Rows answered together: what the cache keeps, whole or not at all."""

    answers: tuple[Answer, ...]
    seconds: float  # that generation took, the scoring of references aside


class Model(Protocol):
    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]: ...

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]: ...


class Respondent:
    """A system that answers; its model is loaded when a first answer is not in the cache."""

    def __init__(
        self,
        system: System,
        batch_size: int,
        load: Callable[[], Model],
        clock: Callable[[], float] = perf_counter,
        release: Callable[[], None] | None = None,
        portable: bool = False,
        timed: bool = True,
    ) -> None:
        """`release` gives back what a server holds for the model; None: there is no such thing.

        `portable`: whether `load` can be called on another machine. `store` may be set to another
        one before a first answer. `timed`: whether it makes its answers when it gives them.
        """
        self.timed = timed
        self.store: KeptBytes = IN_FILES
        self.system = system
        self.batch_size = batch_size
        self.load = load
        self.clock = clock
        self.release = release
        self.portable = portable
        self.model: Model | None = None

    def answers(self, rows: Sequence[Row], label: str, samples: int = 1) -> list[Answer]:
        """Answer every row so many times, in the order of rows and, of one row, of samples.

        Units are fixed by the rows alone and cached whole: what shares a batch can change the
        last bit of a logit, so an interrupted run that goes on gives the answers of one that was
        not interrupted.
        """
        self.answer_ahead([(rows, samples)], label)
        answers: dict[tuple[str, int], Answer] = {}
        try:
            with progress(label, samples * len(rows), "answers") as bar:
                for unit_rows in self.units(rows, samples):
                    unit = self.cached(unit_rows, samples)
                    if unit is None:
                        unit = self.make(unit_rows, samples, bar)
                    else:
                        bar.advance(len(unit.answers))
                    answers |= {(answer.item, answer.sample): answer for answer in unit.answers}
        finally:
            # Leave nothing on a server.
            if self.release is not None and self.model is not None:
                self.model = None
                self.release()
        given = [(row, answers[row.id, sample]) for row in rows for sample in range(samples)]
        if self.system.index is None:
            return [answer for _, answer in given]
        return [answer.model_copy(update={"evidence": row.evidence}) for row, answer in given]

    def answer_ahead(self, asked: Iterable[tuple[Sequence[Row], int]], label: str) -> None:
        """Make the answers that are not in the cache on a cluster, where the settings choose one.

        Each entry is rows and how often they are answered. A unit is computed as it is here.
        """
        units = [(unit, samples) for rows, samples in asked for unit in self.units(rows, samples)]
        if not self.portable or chosen_engine(len(units)) is None:
            return
        # A conversation needs the project's tools and users, which are asked from here.
        alone = [task for task in units if not any(row.scenario for row in task[0])]
        missing = [(rows, samples) for rows, samples in alone if not self.cached(rows, samples)]
        params = chosen_engine(len(missing))
        if params is None:
            return
        maker, batches = partial(unit_maker, self.load), [[task] for task in missing]
        with progress(
            label, sum(len(rows) * samples for rows, samples in missing), "answers"
        ) as bar:
            start, made = self.clock(), list[Answer]()
            for place, unit in finished_batches(maker, batches, params):
                self.keep(unit, *missing[place])
                made += unit.answers
                bar.advance(len(unit.answers), speed(made, self.clock() - start))

    def seconds(self, rows: Sequence[Row], samples: int = 1) -> float | None:
        """How long these rows' answers took when they were made; None if any is not cached, or was
        made before.
        """
        if not self.timed:
            return None
        units = [self.cached(unit_rows, samples) for unit_rows in self.units(rows, samples)]
        seconds = [unit.seconds for unit in units if unit]
        return sum(seconds) if len(seconds) == len(units) else None

    def units(self, rows: Sequence[Row], samples: int) -> list[Sequence[Row]]:
        """Rows with prompts of like length, the longest first: what does not fit fails early."""
        asked = all_with_passages(rows, self.system.evidence_template)
        ordered = sorted(asked, key=lambda row: (-len(row.prompt_text), row.id))
        size = max(1, BATCHES * self.batch_size // samples)
        return [ordered[i : i + size] for i in range(0, len(ordered), size)]

    def cached(self, rows: Sequence[Row], samples: int) -> AnswerUnit | None:
        """A unit made before; None also when its file is not as it was written."""
        path = cache_path(self.system, rows, samples)
        kept = self.store.read(path)
        if kept is None:
            return None
        digest, _, body = kept.rstrip(b"\n").partition(b"\n")
        return AnswerUnit.parse(body, path) if digest == digest_bytes(body).encode() else None

    def make(self, rows: Sequence[Row], samples: int, bar: Bar) -> AnswerUnit:
        """Generate, score the rows' own completions, keep both."""
        self.model = self.model or self.load()

        def advance(answers: Sequence[Answer], seconds: float) -> None:
            bar.advance(note=speed(answers, seconds))

        unit = answered_unit(self.model, rows, samples, self.clock, advance)
        self.keep(unit, rows, samples)
        return unit

    def keep(self, unit: AnswerUnit, rows: Sequence[Row], samples: int) -> None:
        body = unit.canonical()
        kept = b"%b\n%b\n" % (digest_bytes(body).encode(), body)
        self.store.write(cache_path(self.system, rows, samples), kept)


def answered_unit(
    model: Model,
    rows: Sequence[Row],
    samples: int,
    clock: Callable[[], float] = perf_counter,
    advance: Callable[[Sequence[Answer], float], None] = lambda answers, seconds: None,
) -> AnswerUnit:
    """The rows' answers with the scores of their own completions; `advance` gets the answers so
    far, and the seconds that they took.
    """
    start, answers = clock(), list[Answer]()
    for answer in model.answer(rows, samples):
        answers.append(answer)
        advance(answers, clock() - start)
    seconds = clock() - start
    scored = zip(rows, model.reference_logprobs(rows), strict=True)
    logprobs = {row.id: logprob for row, logprob in scored}
    return AnswerUnit(
        answers=tuple(
            answer.model_copy(update={"reference_logprob": logprobs[answer.item]})
            for answer in answers
        ),
        seconds=seconds,
    )


def unit_maker(
    load: Callable[[], Model],
) -> Callable[[Sequence[tuple[Sequence[Row], int]]], AnswerUnit]:
    """What a worker on a cluster does, with a model of its own: a batch is a unit."""
    model = load()
    return lambda asked: answered_unit(model, *asked[0])


def speed(answers: Sequence[Answer], seconds: float) -> str:
    tokens = sum(answer.tokens for answer in answers)
    return f"{tokens / seconds:.0f} tokens/s" if seconds else ""


def answers_of(system: Role, part: str) -> Path:
    """Where stage `generate` leaves one system's answers to one part."""
    return ANSWERS / f"{system}-{part}.jsonl"


def as_shown(rows: Sequence[Row], answers: Sequence[Answer]) -> list[Row]:
    """The rows with the passages that these answers, in the same order, were given."""
    return [
        row if answer.evidence is None else row.model_copy(update={"evidence": answer.evidence})
        for row, answer in zip(rows, answers, strict=True)
    ]


def by_sample(answers: Sequence[Answer]) -> list[list[Answer]]:
    """The first answer to every item, then the second ones, and so on; each in its order."""
    samples = 1 + max((answer.sample for answer in answers), default=0)
    return [[a for a in answers if a.sample == sample] for sample in range(samples)]


def cache_path(system: System, rows: Sequence[Row], samples: int) -> Path:
    fields = {"id", "prompt", "completion", "tools", "scenario"}
    if not any(row.scenario for row in rows):
        system = system.model_copy(update={"conversations": None})
    asked = [row.model_dump(mode="json", include=fields) for row in rows]
    more: dict[str, Any] = {"samples": samples} if samples > 1 else {}
    more |= {"tools": FORM} if has_tools(rows) else {}
    key = digest_json({"format": FORMAT, "rows": asked, **more})
    return Path("answers") / system.digest[:16] / f"{key}.jsonl"


# --- kept bytes -----------------------------------------------------------------------------------

# Where answers and judgements are kept as they come, so that an interrupted run goes on.


class KeptBytes(Protocol):
    def read(self, name: Path) -> bytes | None:
        """What was kept under a name, a path below the project's home; None: nothing."""

    def write(self, name: Path, data: bytes) -> None: ...


class KeptInFiles:
    """Answers in the project's home, where whoever works on the project may read and delete
    them.
    """

    def read(self, name: Path) -> bytes | None:
        path = home() / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: Path, data: bytes) -> None:
        write_bytes(home() / name, data)


IN_FILES = KeptInFiles()
