"""How much two answers share: their common sequences of five words."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

N = 5
MOST = 0.6  # no two rows' answers share more


def five_grams(text: str) -> frozenset[tuple[str, ...]]:
    """Every sequence of five words, in lower case; punctuation is none, "1,200" is one word."""
    words = re.findall(r"\d[\d.,:]*\d|\w+", text.lower())
    return frozenset(tuple(words[i : i + N]) for i in range(len(words) - N + 1))


class Answers:
    """Answers of which no two share more than a part of the shorter one's sequences."""

    def __init__(self, most: float = MOST) -> None:
        self.most = most
        self.sizes: list[int] = []
        self.with_gram: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def share(self, text: str) -> float:
        """The largest share with any of them: common sequences / those of the shorter answer."""
        grams = five_grams(text)
        common = Counter(i for gram in grams for i in self.with_gram.get(gram, ()))
        shares = (n / min(self.sizes[i], len(grams)) for i, n in common.items())
        return max(shares, default=0.0)

    def takes(self, text: str) -> bool:
        return self.share(text) <= self.most

    def add(self, text: str) -> None:
        grams = five_grams(text)
        for gram in grams:
            self.with_gram[gram].append(len(self.sizes))
        self.sizes.append(len(grams))


def largest_share(texts: Iterable[str]) -> float:
    """Over all pairs of texts."""
    seen, most = Answers(), 0.0
    for text in texts:
        most = max(most, seen.share(text))
        seen.add(text)
    return most
