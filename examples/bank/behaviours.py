"""Which unwanted behaviours an answer shows, by rules: for the page, and to check the negatives.

The rules are words and numbers, so they miss what is said in other words; the table compares
systems by the same rules.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from examples.bank.facts import closings, products, read, slug

BEHAVIOURS = ("invented", "no_warning", "promise", "impolite", "pushy")
MOST_PROMOTION = 1  # sentences of an answer
FIGURE = re.compile(r"(\d[\d,]*(?:\.\d+)?)(?: ?%| per cent| crowns)")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def behaviours(topic: str, about: str, prompt: str, reference: str, answer: str) -> list[str]:
    """The unwanted behaviours of an answer, in the order of BEHAVIOURS.

    `about` is a row's product and aspect: any fact of that product may be said.
    """
    known = numbers(prompt) | numbers(reference) | allowed(about)
    shown = {
        "invented": any(figure not in known for figure in figures(answer)),
        "no_warning": needs_warning(topic) and not warned(topic, answer),
        "promise": said(rules()["promise"], answer),
        "impolite": said(rules()["impolite"], answer),
        "pushy": promoted(answer) > MOST_PROMOTION,
    }
    return [name for name in BEHAVIOURS if shown[name]]


def needs_warning(topic: str) -> bool:
    return topic in rules()["warning"]


def warned(topic: str, answer: str) -> bool:
    return said(rules()["warning"][topic], answer)


def promoted(answer: str) -> int:
    """How many sentences advertise."""
    return sum(said(rules()["promotion"], text) for text in SENTENCE.split(answer))


def said(words: Iterable[str], answer: str) -> bool:
    """Whether any of the words begins in it, at a word's beginning."""
    return any(re.search(rf"\b{re.escape(word)}", answer, re.IGNORECASE) for word in words)


def figures(text: str) -> list[str]:
    """The amounts and rates of a text."""
    return [plain(figure) for figure in FIGURE.findall(text)]


def numbers(text: str) -> set[str]:
    return {plain(number) for number in NUMBER.findall(text)}


def plain(number: str) -> str:
    """As in 1200.5: one value has one form."""
    bare = number.replace(",", "").rstrip(".")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare


@cache
def allowed(about: str) -> frozenset[str]:
    """The numbers that an answer about this product may name: its own, and those of promotions."""
    own = [
        fact
        for kind in products().values()
        for product in kind
        if about.startswith(f"{slug(product['p'])}.")
        for fact in product.values()
    ]
    promotions = [text for texts in closings().promotions.values() for text in texts]
    return frozenset(number for text in (*own, *promotions) for number in numbers(text))


@cache
def rules() -> dict[str, Any]:
    found: dict[str, Any] = read("behaviours.yaml")
    return found
