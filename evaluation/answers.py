"""Answers of a model to eval items: batched by length, cached by digests, never made twice."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from registry.canonical import digest_json
from registry.files import home
from registry.layout import ANSWERS
from registry.records import Digest, Record, Row, Split, write_records

SIDES = ("champion", "challenger")
LIBRARIES = ("torch", "transformers", "peft")
EVALUATED = (Split.DEV, Split.SEALED)


class Answer(Record):
    item: str
    text: str
    tokens: int  # generated, the end token included


class System(Record):
    """All that decides an answer besides the prompt."""

    base: Digest  # of its pin: weights, configuration, tokenizer, chat template
    adapter: Digest | None  # None: the bare base
    decoding: Digest
    code: Digest  # of the module that makes answers
    libraries: tuple[str, ...] = tuple(f"{name} {version(name)}" for name in LIBRARIES)


class Model(Protocol):
    def answer(self, rows: Sequence[Row]) -> list[Answer]: ...


class Respondent:
    """A system that answers; its model is loaded when a first answer is not in the cache."""

    def __init__(self, system: System, batch_size: int, load: Callable[[], Model]) -> None:
        self.system = system
        self.batch_size = batch_size
        self.load = load
        self.model: Model | None = None

    def answers(self, rows: Sequence[Row], label: str) -> list[Answer]:
        """Answer every row, in the order of rows.

        Batches are fixed by the rows alone and cached whole: what shares a batch can change the
        last bit of a logit, so an interrupted run that goes on gives the answers of one that was
        not interrupted.
        """
        batches = tqdm(by_length(rows, self.batch_size), desc=label, unit="batch")
        found = {answer.item: answer for batch in batches for answer in self.batch(batch)}
        return [found[row.id] for row in rows]

    def batch(self, rows: Sequence[Row]) -> Sequence[Answer]:
        path = cache_path(self.system, rows)
        if not path.exists():
            self.model = self.model or self.load()
            write_records(path, self.model.answer(rows))
        return Answer.read_lines(path)


def answers_of(side: str, part: Split) -> Path:
    """Where stage `generate` leaves one side's answers to one part."""
    return ANSWERS / f"{side}-{part}.jsonl"


def by_length(rows: Sequence[Row], batch_size: int) -> list[Sequence[Row]]:
    """Batches of rows with prompts of like length, so that little is padded."""
    ordered = sorted(rows, key=lambda row: (len(row.prompt_text), row.id))
    return [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]


def cache_path(system: System, rows: Sequence[Row]) -> Path:
    prompts = [[row.id, [message.model_dump() for message in row.prompt]] for row in rows]
    return home() / "answers" / system.digest[:16] / f"{digest_json(prompts)}.jsonl"
