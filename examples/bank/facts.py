"""The bank's facts, and the patterns that questions and answers are made of, as the files say."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
KINDS = ("current", "savings", "card", "loan", "insurance", "investment", "service", "branch")

Facts = dict[str, str]  # by name, as they are written in an answer


@dataclass(frozen=True)
class Ask:
    """A question; `input` is what the customer or the colleague gives beside it."""

    instruction: str
    input: str = ""


@dataclass(frozen=True)
class Aspect:
    """What can be asked of a product: its fee, its term, …"""

    name: str
    ask: tuple[Ask, ...]
    say: tuple[str, ...]
    case: str | None = None  # of calculations.CASES

    def given(self) -> set[str]:
        """The facts that its patterns name; some of them a case computes."""
        texts = [text for ask in self.ask for text in (ask.instruction, ask.input)]
        return {name for text in (*texts, *self.say) for name in names_in(text)}


@dataclass(frozen=True)
class DocumentFact:
    """A question about what stands in the documents alone."""

    ask: str
    say: str
    stands: str  # the phrase of the documents that holds the fact


@dataclass(frozen=True)
class Closings:
    """What an answer may end with."""

    warnings: dict[str, list[str]]  # by kind of product
    promotions: dict[str, list[str]]
    steps: dict[str, list[str]]  # by kind, and of any other
    courtesies: list[str]


def names_in(pattern: str) -> Iterator[str]:
    return (name for _, name, _, _ in Formatter().parse(pattern) if name)


def products() -> dict[str, list[Facts]]:
    """The facts of every product, service and branch, by kind."""
    found = read("facts.yaml")
    return {kind: found[kind] for kind in KINDS}


def aspects(kind: str) -> list[Aspect]:
    found = read(f"patterns/{kind}.yaml")
    return [
        Aspect(name, tuple(map(as_ask, one["ask"])), tuple(one["say"]), one.get("case"))
        for name, one in found.items()
    ]


def as_ask(given: str | list[str]) -> Ask:
    return Ask(given) if isinstance(given, str) else Ask(*given)


def closings() -> Closings:
    return Closings(**read("patterns/closings.yaml"))


def document_facts() -> list[DocumentFact]:
    return [DocumentFact(**one) for one in read("document_only.yaml")]


def slug(name: str) -> str:
    """A product's name as rows are called by."""
    return name.lower().replace("'", "").replace(" ", "-")


def documents() -> dict[str, str]:
    """The texts of the bank's documents by the names of their files."""
    return {path.name: path.read_text() for path in sorted(DOCUMENTS.glob("*.md"))}


@cache
def read(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text())
