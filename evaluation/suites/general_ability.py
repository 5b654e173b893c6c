"""The general-ability suite: whether fine-tuning made a model forget what it could do before."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import regex
from pydantic import Field, PositiveInt

from evaluation.generation.answers import Answer
from evaluation.suites.suite import SuiteItem
from project.errors import InputError
from project.records.data import Row
from project.records.preferences import Item, read_items
from project.records.record import Record
from project.records.scores import Better

# --- answer checks --------------------------------------------------------------------------------

# What makes an answer right: small checks that a program can do, each a kind of its own.

WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*")
# A dash counts as a sign only where no number stands before it.
NUMBER = regex.compile(
    r"(?<![\p{L}\p{N}])(?:(?<!\p{N}\s*)[-−])?"
    r"(?:\p{Nd}{1,3}(?:,\p{Nd}{3})+(?!\p{Nd})|\p{Nd}+)(?:\.\p{Nd}+)?"
)
FENCED = regex.compile(r"```(?:json)?\s*(.*?)```", regex.DOTALL)

Text = Annotated[str, Field(pattern=r"[^\W_]")]  # with a letter or a digit in it
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


def words(text: str) -> list[str]:
    """The words of any script that puts spaces between them, without case."""
    tokens: list[str] = WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [word.replace("’", "'") for word in tokens]


def has(text: str, phrase: str) -> bool:
    """Whether the words of a phrase stand in a text, whole and in a row."""
    return f" {' '.join(words(phrase))} " in f" {' '.join(words(text))} "


def numbers(text: str) -> list[float]:
    """The numbers of a text: 1,200 and −3.5 are one each, digits of any script count."""
    plain = (digits.replace(",", "").replace("−", "-") for digits in NUMBER.findall(text))
    return [float(number) for number in plain]


def bare(text: str) -> str:
    """A text without the quotes, markup and last stop around it, each inner space single."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).strip(" .!。\"'`*“”‘’")


class NumberCheck(Record):
    """One number is in the answer that is not in the question: the right one."""

    kind: Literal["number"]
    value: float

    def passes(self, answer: str, question: str) -> bool:
        return set(numbers(answer)) - set(numbers(question)) == {self.value}


class ChoiceCheck(Record):
    """Some accepted words are in the answer and none of the wrong ones, so a list of all fails."""

    kind: Literal["choice"]
    accept: Texts
    reject: Texts

    def passes(self, answer: str, question: str) -> bool:
        accepted = any(has(answer, phrase) for phrase in self.accept)
        return accepted and not any(has(answer, phrase) for phrase in self.reject)


class ExactCheck(Record):
    """The answer is one of the texts and nothing else, but for quotes and a full stop."""

    kind: Literal["exact"]
    accept: Texts
    cased: bool = False  # whether capitals matter

    def passes(self, answer: str, question: str) -> bool:
        texts = [bare(text) for text in (answer, *self.accept)]
        given, *accepted = texts if self.cased else [text.casefold() for text in texts]
        return given in accepted


class StartsCheck(Record):
    kind: Literal["starts"]
    text: Text

    def passes(self, answer: str, question: str) -> bool:
        first = words(self.text)
        return words(answer)[: len(first)] == first


class EndsCheck(Record):
    kind: Literal["ends"]
    text: Text

    def passes(self, answer: str, question: str) -> bool:
        last = words(self.text)
        return words(answer)[-len(last) :] == last


class ContainsCheck(Record):
    """All of the words or phrases are in the answer."""

    kind: Literal["contains"]
    texts: Texts

    def passes(self, answer: str, question: str) -> bool:
        return all(has(answer, phrase) for phrase in self.texts)


class ExcludesCheck(Record):
    """None of the words or phrases is in the answer."""

    kind: Literal["excludes"]
    texts: Texts

    def passes(self, answer: str, question: str) -> bool:
        return not any(has(answer, phrase) for phrase in self.texts)


class WordCountCheck(Record):
    kind: Literal["word_count"]
    least: PositiveInt
    most: PositiveInt

    def passes(self, answer: str, question: str) -> bool:
        return self.least <= len(words(answer)) <= self.most


class LetterCaseCheck(Record):
    kind: Literal["case"]
    case: Literal["upper", "lower"]

    def passes(self, answer: str, question: str) -> bool:
        return answer.isupper() if self.case == "upper" else answer.islower()


class LinesCheck(Record):
    """The answer has so many lines with words in them, no two alike but for a number in front."""

    kind: Literal["lines"]
    count: PositiveInt

    def passes(self, answer: str, question: str) -> bool:
        lines = [[w for w in words(line) if not w.isdigit()] for line in answer.splitlines()]
        texts = [" ".join(line) for line in lines if line]
        return len(texts) == len(set(texts)) == self.count


class JsonObjectCheck(Record):
    """The answer is one JSON object with these fields and values; a code fence is let pass."""

    kind: Literal["json"]
    fields: dict[str, str | int]

    def passes(self, answer: str, question: str) -> bool:
        fenced = FENCED.fullmatch(answer.strip())
        try:
            fields = json.loads(fenced.group(1) if fenced else answer)
        except (ValueError, RecursionError):
            return False
        # Compared as text, because in Python true equals 1.
        return json.dumps(fields, sort_keys=True) == json.dumps(self.fields, sort_keys=True)


class AllChecks(Record):
    """Every one of several checks."""

    kind: Literal["all"]
    of: Annotated[tuple["AnswerCheck", ...], Field(min_length=2)]

    def passes(self, answer: str, question: str) -> bool:
        return all(check.passes(answer, question) for check in self.of)


AnswerCheck = Annotated[
    NumberCheck
    | ChoiceCheck
    | ExactCheck
    | StartsCheck
    | EndsCheck
    | ContainsCheck
    | ExcludesCheck
    | WordCountCheck
    | LetterCaseCheck
    | LinesCheck
    | JsonObjectCheck
    | AllChecks,
    Field(discriminator="kind"),
]
AllChecks.model_rebuild()


# --- suite ----------------------------------------------------------------------------------------

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
        extra = {"row_id": self.id, "ability": self.ability}
        return Row.of(self.prompt, self.expected, group=self.id, source="general", **extra)

    def __str__(self) -> str:
        return f"{self.id} ({self.ability}): {self.prompt}"


def correct(item: GeneralItem, answer: str) -> float:
    """1.0 for a right answer, else 0.0; nothing said and the question said again are wrong."""
    tokens = words(answer)
    echoed = f" {' '.join(words(item.prompt))} " in f" {' '.join(tokens)} "
    return float(bool(tokens) and not echoed and item.check.passes(answer, item.prompt))


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


class GeneralAbility:
    """It is always on, and its evidence has a field of its own: policies guarded it first."""

    name = "general"
    better: ClassVar[Mapping[str, Better]] = {CORRECT: "more"}

    def rows(self) -> list[Row]:
        return [item.row for item in read_suite(SUITE)]

    def score(self, answers: Sequence[Answer], phrasings: Sequence[str] = ()) -> list[SuiteItem]:
        return [
            SuiteItem(
                item=item.id,
                cluster=item.row.group,
                slices=(f"ability={item.ability}",),
                values={CORRECT: correct(item, answer.text)},
            )
            for item, answer in zip(read_suite(SUITE), answers, strict=True)
        ]
