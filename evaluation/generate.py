"""Stage `generate`: every system answers the same dev items, each answer made once.

Sealed items are answered by `incumbent submit` alone, after it has counted the look.
"""

from collections.abc import Sequence
from typing import NamedTuple

from evaluation.evaluation_settings import Decoding, FewShot
from evaluation.general_ability.suite import SUITE, read_suite
from evaluation.generation.answers import Respondent, Role, answers_of
from evaluation.generation.systems import from_registry, respondent
from project.files import staged_folder
from project.paths import (
    ADAPTER,
    ADAPTER_FILES,
    ANSWERS,
    BASE,
    CHAMPION,
    NUMERICS,
    TOKENS,
    rows_of,
)
from project.records.adapters import Adapter, ModelPin, Numerics, Opponent
from project.records.data import Message, Row, Split, TokenCount
from project.records.record import write_records
from project.settings import load


class Task(NamedTuple):
    """The rows of one part that a system answers."""

    role: Role
    respondent: Respondent
    part: str
    rows: Sequence[Row]


MAY_BE_CUT = 0.01  # of the answers of the data: more is worth a warning


def main() -> None:
    counts = TokenCount.read_lines(TOKENS)
    if warning := cut_references(counts, load(Decoding).max_new_tokens):
        print(f"warning: {warning}")
    with staged_folder(ANSWERS) as draft:
        for role, system, part, rows in tasks():
            answers = system.answers(rows, f"{role}, {part}")
            write_records(draft / answers_of(role, part).name, answers)


def cut_references(counts: Sequence[TokenCount], limit: int) -> str | None:
    """A warning where a model could not give many of the expected answers whole."""
    cut = sum(count.completion > limit for count in counts)
    if cut <= MAY_BE_CUT * len(counts):
        return None
    longest = max(count.completion for count in counts)
    return (
        f"{cut} of {len(counts)} answers of the data are longer than "
        f"evaluation.decoding.max_new_tokens ({limit}): a model's are cut there, and score less; "
        f"the longest has {longest} tokens"
    )


def tasks() -> list[Task]:
    """Champion and challenger answer dev and the general-ability suite; where params.yaml asks for
    it, the base answers dev with a few-shot prompt.
    """
    dev = Row.read_lines(rows_of(Split.DEV))
    general = [item.row for item in read_suite(SUITE)]
    shots = load(FewShot).shots
    found = [
        Task(role, system, part, rows)
        for role, system in contestants().items()
        for part, rows in ((Split.DEV, dev), ("general", general))
    ]
    if shots:
        base, decoding, numerics = ModelPin.read(BASE), load(Decoding), Numerics.read(NUMERICS)
        bare = respondent(base, None, None, decoding, numerics)
        found.append(Task(Role.FEW_SHOT, bare, Split.DEV, prompted(dev, shots)))
    return found


def contestants() -> dict[Role, Respondent]:
    """The two that are compared, as systems that answer."""
    base, numerics, decoding = ModelPin.read(BASE), Numerics.read(NUMERICS), load(Decoding)
    made, champion = Adapter.read(ADAPTER).files, Opponent.read(CHAMPION).adapter
    return {
        Role.CHAMPION: from_registry(base, champion, decoding, numerics),
        Role.CHALLENGER: respondent(base, made, ADAPTER_FILES, decoding, numerics),
    }


def regression_baseline() -> Respondent | None:
    """The system that the regression budget counts from, where it is another than the champion."""
    reference = Opponent.read(CHAMPION).reference
    if reference is None:
        return None
    return from_registry(ModelPin.read(BASE), reference, load(Decoding), Numerics.read(NUMERICS))


def seconds() -> dict[str, float | None]:
    """The seconds that an answer to the dev part took each system, where they are known."""
    taken: dict[str, float | None] = {}
    for task in tasks():
        if task.part == Split.DEV:
            total = task.respondent.seconds(task.rows)
            taken[task.role] = None if total is None else total / len(task.rows)
    return taken


def prompted(rows: Sequence[Row], shots: int) -> list[Row]:
    """The rows, each asked after the first training rows of their sources, with their answers.

    A system prompt stays in front, once.
    """
    sources = {row.source for row in rows}
    train = [row for row in Row.read_lines(rows_of(Split.TRAIN)) if row.source in sources]
    shown = [m for row in train[:shots] for m in (*turns(row), *row.completion)]
    return [
        row.model_copy(update={"prompt": (*system_prompt(row), *shown, *turns(row))})
        for row in rows
    ]


def system_prompt(row: Row) -> list[Message]:
    return [message for message in row.prompt if message.role == "system"]


def turns(row: Row) -> list[Message]:
    return [message for message in row.prompt if message.role != "system"]
