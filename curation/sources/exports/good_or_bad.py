"""Which choices and ratings call an answer good, and which bad."""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Literal

import yaml

from curation.curation_settings import ExportFields
from curation.sources.table_rows import SOURCES
from curation.sources.tables.table import names_listed
from project.errors import InputError

# What people call an answer, where nobody says which words praise it. No number: of a rating
# nobody knows where good begins.
GOOD = """
    good yes correct right true acceptable accept accepted approve approved helpful like liked
    positive thumbs_up thumbsup up 👍
"""
BAD = """
    bad no incorrect wrong false unacceptable reject rejected unhelpful dislike disliked
    negative thumbs_down thumbsdown down 👎
"""
CHOICE = "CHOICE"  # stands in a command for a word that the file does not tell
GOOD_WORDS, BAD_WORDS = frozenset(GOOD.split()), frozenset(BAD.split())


@dataclass(frozen=True)
class Praise:
    """Which choices call an answer good, and which bad; the others do neither."""

    good: frozenset[str]
    bad: frozenset[str]

    def knows(self, choice: str) -> bool:
        return plain(choice) in self.good | self.bad

    def of(self, choices: Collection[str]) -> bool | None:
        good = any(plain(choice) in self.good for choice in choices)
        bad = any(plain(choice) in self.bad for choice in choices)
        return None if good == bad else good


def plain(word: str) -> str:
    """A word without case; thumbs-up and thumbs up are thumbs_up, and -1 stays what it is."""
    return re.sub(r"(?<=\w)[-\s]+(?=\w)", "_", word.strip().casefold())


def praise(fields: ExportFields, choices: Iterable[str], path: Path, *, scale: bool) -> Praise:
    """As praise_of. Raises InputError with the choices where it is to be named."""
    listed = list(choices)
    words = praise_of(fields, listed, scale=scale)
    if words is None:
        good, bad = suggested_praise(listed)
        named = fields.model_copy(update={"good": good, "bad": bad})
        raise OptionsMissingError([praise_asked_for(listed)], [named], path)
    return words


def praise_of(fields: ExportFields, choices: Iterable[str], *, scale: bool) -> Praise | None:
    """By the options, or by the words of the choices where all of them are plain praise or blame.

    None for others, and for numbers of a scale.
    """
    if fields.good or fields.bad:
        return Praise(frozenset(map(plain, fields.good)), frozenset(map(plain, fields.bad)))
    if scale or any(plain(choice) not in GOOD_WORDS | BAD_WORDS for choice in choices):
        return None
    return Praise(GOOD_WORDS, BAD_WORDS)


def praise_asked_for(choices: Iterable[str]) -> str:
    listed = names_listed(sorted(set(choices)))
    return f"name --good and --bad: which of {listed} praise an answer, which blame it"


def suggested_praise(choices: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What could be good and what bad: of numbers the upper and the lower ones, the middle neither;
    of words those that are known, and CHOICE where none is.
    """
    ordered = sorted(set(choices))
    if ordered and all(choice.lstrip("-").isdecimal() for choice in ordered):
        numbers = sorted(map(int, ordered))
        middle = (numbers[0] + numbers[-1]) / 2
        good = tuple(str(number) for number in numbers if number > middle)
        bad = tuple(str(number) for number in numbers if number < middle)
    else:
        good = tuple(choice for choice in ordered if plain(choice) in GOOD_WORDS)
        bad = tuple(choice for choice in ordered if plain(choice) in BAD_WORDS)
    return good or (CHOICE,), bad or (CHOICE,)


# --- options missing ------------------------------------------------------------------------------

COMMAND = "incumbent data import"


class OptionsMissingError(InputError):
    """All that has to be named before an export can be read, and what to type.

    `readings` are the ways to read it, each with all of its names filled in as far as the file
    tells them; words in capitals stand for what it does not tell.
    """

    def __init__(
        self,
        missing: Sequence[str],
        readings: Sequence[ExportFields],
        path: Path,
        commands: Sequence[str] = (),
    ) -> None:
        self.missing, self.readings, self.path = missing, readings, path
        typed = commands or [typed_for(fields, path) for fields in readings]
        several = ["several names are missing:", *(f"  {problem}" for problem in missing)]
        lines = several if len(missing) > 1 else list(missing)
        if typed:
            in_project = path.is_relative_to(SOURCES) and not commands  # settings say it
            where = " below this source in params.yaml" if in_project else ""
            lines.append(f"type{' one of' if len(set(typed)) > 1 else ''}{where}")
        lines += [f"  {command}" for command in dict.fromkeys(typed)]
        super().__init__("\n".join(lines), file=path)


def typed_for(fields: ExportFields, path: Path) -> str:
    """The settings of a source, or the command for a file of anybody's."""
    if path.is_relative_to(SOURCES):
        export = {"export": fields.model_dump(mode="json", exclude_defaults=True)}
        return yaml.safe_dump(export, default_flow_style=True, width=inf, sort_keys=False).strip()[
            1:-1
        ]
    return shlex.join([*COMMAND.split(), str(path), *arguments_of(fields)])


def arguments_of(fields: ExportFields) -> list[str]:
    """The options of `incumbent data import` that say this."""
    named = [
        ("--control", fields.control),
        *(("--prompt", name) for name in fields.prompt),
        ("--completion", fields.completion),
        *(("--answer", f"{choice}={field}") for choice, field in fields.answers.items()),
        *(("--good", word) for word in fields.good),
        *(("--bad", word) for word in fields.bad),
        ("--options", fields.options),
        ("--instruction", fields.instruction),
        ("--system", fields.system),
        *(("--slice", name) for name in fields.slices),
    ]
    return in_pairs(named)


def in_pairs(named: Iterable[tuple[str, str | None]]) -> list[str]:
    return [word for option, value in named if value is not None for word in (option, value)]


# --- field roles ----------------------------------------------------------------------------------

# What the fields of a task are, as far as their names say it.

Role = Literal["prompt", "answer", "about"]

WORDS: Mapping[Role, str] = {
    "prompt": "prompt question instruction query request utterance message text input",
    "answer": "answer response reply completion output generation summary translation chosen"
    " rejected candidate suggestion",
    # What is known of a task, and is no part of what people read and answer.
    "about": "id uid uuid key index row no number hash model engine source src origin url"
    " uri link file filename path date time timestamp created updated author user username name"
    " language lang locale topic category class label labels tag tags domain intent split subset"
    " dataset batch channel meta metadata score rank rating winner version status gold"
    " comment comments note notes reason explanation rationale justification",
}
ROLES: Mapping[str, Role] = {word: role for role, words in WORDS.items() for word in words.split()}
# Which of several answers a word means.
SIDES: Mapping[str, int] = {
    word: side
    for side, words in enumerate(("a left first one 1", "b right second two 2"), start=1)
    for word in words.split()
} | {"c": 3, "third": 3, "three": 3, "3": 3, "d": 4, "fourth": 4, "four": 4, "4": 4}
JUDGES = frozenset(["winner", "wins", "better", "best", "prefer", "preferred", "choose", "chosen"])
PLAIN = re.compile(r"[\w .,:#()/-]{1,60}")  # a choice, and no code such as X[3][1]
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def parts(name: str) -> list[str]:
    """The words of a name in lower case: `responseA` and `response_a` have two."""
    return [part.casefold() for part in PART.findall(name)]


def field_role(name: str) -> Role | None:
    """By its words, of which the last says most: `model_response` is an answer, `prompt_id` is
    about the task. The sides of a pair say nothing. None where no word is known.
    """
    words = [word for word in parts(name) if word not in SIDES]
    known = [ROLES[word] for word in words if word in ROLES]
    return known[-1] if known else None


def side_of(choice: str) -> int | None:
    """The number of the answer that a choice means, from 1; None for a tie, and for a class."""
    words = parts(choice) if PLAIN.fullmatch(choice) else []
    return next((SIDES[word] for word in words if word in SIDES), None)


def alternatives(names: Iterable[str]) -> dict[int, str]:
    """The fields with the answers to choose from, by their sides: `response_a` and `response_b`.

    Empty where no two names differ in their side alone, or where they are about the task, as
    `model_a` and `model_b` are.
    """
    groups: dict[tuple[str, ...], dict[int, str]] = {}
    for name in names:
        words = parts(name)
        sides = [SIDES[word] for word in words if word in SIDES]
        if len(sides) == 1 and field_role(name) in ("answer", None):
            stem = tuple(word for word in words if word not in SIDES)
            groups.setdefault(stem, {})[sides[0]] = name
    several = [group for group in groups.values() if len(group) > 1]
    return max(several, key=len, default={})


def are_of_a_comparison(choices: Sequence[str]) -> bool:
    """Whether choices say by themselves that answers were compared: `a_winner`, left and right."""
    words = [set(parts(choice)) for choice in choices]
    sided = [word_set for word_set in words if word_set & SIDES.keys()]
    if any(word_set & JUDGES for word_set in sided):
        return True
    return {"left", "right"} <= set[str]().union(*words) if words else False
