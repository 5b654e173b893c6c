"""The general-ability suite: whether fine-tuning made a model forget what it could do before."""

from pathlib import Path

from pydantic import Field

from evaluation.general_ability.answer_checks import AnswerCheck, words
from project.errors import InputError
from project.records.data import Message, Row
from project.records.items import Item, read_items

SUITE = Path("datasets/general")
CORRECT = "correct"  # the metric's name in score tables


class GeneralItem(Item):
    """A short question whose answer a program can check."""

    ability: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    check: AnswerCheck
    expected: str  # an answer that is right

    @property
    def row(self) -> Row:
        return Row(
            id=self.id,
            prompt=(Message(role="user", content=self.prompt),),
            completion=(Message(role="assistant", content=self.expected),),
            slices={"ability": self.ability},
            group=self.id,
            source="general",
        )

    def __str__(self) -> str:
        return f"{self.id} ({self.ability}): {self.prompt}"


def correct(item: GeneralItem, answer: str) -> float:
    """1.0 for a right answer, else 0.0; nothing said and the question said again are wrong."""
    said = words(answer)
    echoed = f" {' '.join(words(item.prompt))} " in f" {' '.join(said)} "
    return float(bool(said) and not echoed and item.check.passes(answer, item.prompt))


def read_suite(folder: Path) -> tuple[GeneralItem, ...]:
    """Read every *.jsonl of a folder, files by name. Raises InputError naming file, line, field.

    An id must be there once in all the files, and every expected answer pass its own check.
    """
    items = []
    for item, place in read_items(folder, GeneralItem):
        if not correct(item, item.expected):
            problem = f"does not pass the item's {item.check.kind} check"
            raise InputError(problem, file=place.path, line=place.line, field="expected")
        items.append(item)
    if not items:
        raise InputError("holds no items: a general-ability suite is *.jsonl files", file=folder)
    return tuple(items)
