"""The engine that reads an exported form, asked the dev items again."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer, versions
from evaluation.generation.backends.backend import BackendError, Engine
from project.errors import IncumbentError
from project.progress import progress
from project.records.adapters import AdapterVersion, Precision
from project.records.data import Row


@dataclass(frozen=True)
class Question:
    """What is asked again, of whom."""

    version: AdapterVersion
    rows: Sequence[Row]
    decoding: Decoding
    precision: Precision  # in which models are computed here


@dataclass(frozen=True)
class Answered:
    answers: list[Answer]
    engine: Engine
    libraries: tuple[str, ...] = ()


def by_peft(question: Question, base: Path, adapter: Path) -> Answered:
    """The adapter's files as they are in the export, on the pinned base."""
    return by_transformers(question, base, adapter, question.version.adapter.system_prompt)


def by_transformers(
    question: Question, base: Path, adapter: Path | None = None, system_prompt: str | None = None
) -> Answered:
    """Weights that are whole in a folder; a merged one's chat template has the system prompt."""
    # Imported here because an export by another engine does without torch.
    from evaluation.generation.answering_model import AnsweringModel

    model = AnsweringModel(base, adapter, question.decoding, question.precision, system_prompt)
    found: dict[tuple[str, int], Answer] = {}
    samples = question.decoding.samples
    with progress("answering again", samples * len(question.rows), "answers") as bar:
        for answer in model.answer(question.rows, samples):
            found[answer.item, answer.sample] = answer
            bar.advance()
    name = "peft" if adapter else "transformers"
    return Answered(
        [found[row.id, sample] for row in question.rows for sample in range(samples)],
        Engine(name=name, version=installed(name), model=None),
        versions(),
    )


def waited_for(asking: Coroutine[None, None, Answered], what: str) -> Answered:
    """Hold a conversation with a server. Raises IncumbentError where it fails."""
    try:
        return asyncio.run(asking)
    except BackendError as error:
        raise IncumbentError(f"{what} did not answer the dev items: {error}") from None
