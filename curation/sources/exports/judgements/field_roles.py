"""What the fields of a task are, as far as their names say it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

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
    found = [group for group in groups.values() if len(group) > 1]
    return max(found, key=len, default={})


def are_of_a_comparison(choices: Sequence[str]) -> bool:
    """Whether choices say by themselves that answers were compared: `a_winner`, left and right."""
    words = [set(parts(choice)) for choice in choices]
    sided = [own for own in words if own & SIDES.keys()]
    if any(own & JUDGES for own in sided):
        return True
    return {"left", "right"} <= set[str]().union(*words) if words else False
