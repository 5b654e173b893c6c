"""Whether a text has a name, in one of the ways that people shorten or turn it."""

from collections.abc import Sequence
from itertools import pairwise

from evaluation.metrics.facts.fact import Fact
from evaluation.metrics.facts.listed import listed
from evaluation.metrics.facts.names import name_value

SMALL = frozenset(listed("of the and for de la du a an in"))
SPELLED = {"st": "saint"}


class NameText:
    """A text that is asked for names: as it is, by initials, by the last word, turned around."""

    def __init__(self, text: str, names: Sequence[Fact]) -> None:
        words = spelled(name_value(text))
        self.text = f" {' '.join(words)} "
        self.joined = {*words, *(one + two for one, two in pairwise(words))}
        self.values = {fact.value for fact in names}
        self.sets = {frozenset(content(value.split())) for value in self.values}
        self.capitals = {word for value in self.values for word in value.split()}
        self.initials = {short for v in self.values for short in initials(v.split())}

    def count(self, name: Fact) -> int:
        """How often it has the name in full; 1 where it has it in another form."""
        return self.text.count(f" {' '.join(spelled(name.value))} ") or int(self.has(name))

    def has(self, name: Fact) -> bool:
        words = spelled(name.value)
        if name.value in self.values or f" {' '.join(words)} " in self.text:
            return True
        if "".join(words) in self.joined:  # Wi-Fi and wifi
            return True
        if len(words) == 1:
            return words[0] in self.initials
        return bool(
            initials(words) & self.values  # Reserve Bank of India: RBI
            or words[-1] in self.values  # Mary Jones: Ms Jones
            or frozenset(content(words)) in self.sets  # Ministry of Finance
            or (len(words) > 2 and self.capitals.issuperset(content(words)))  # in two places
        )


def spelled(value: str) -> list[str]:
    return [SPELLED.get(word, word) for word in value.split()]


def content(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in SMALL]


def initials(words: Sequence[str]) -> frozenset[str]:
    """With the small words and without them: "DoT", "RBI"."""
    if len(content(words)) < 2:
        return frozenset()
    every = (words, content(words))
    return frozenset("".join(word[0] for word in chosen) for chosen in every)
