"""The newest answers by their ids, so that feedback finds what it is about."""

from collections import OrderedDict

from serving.exchange import Exchange

MOST = 10_000
MOST_CHARACTERS = 64 << 20  # of all their prompts and answers: prompts may be long


class RecentAnswers:
    """The oldest is forgotten first. Feedback on it is taken still, without its answer."""

    def __init__(self, most: int = MOST, characters: int = MOST_CHARACTERS) -> None:
        self.most = most
        self.most_characters = characters
        self.characters = 0
        self._kept: OrderedDict[str, Exchange] = OrderedDict()

    def keep(self, exchange: Exchange) -> None:
        self._kept[exchange.id] = exchange
        self.characters += length_of(exchange)
        while len(self._kept) > self.most or self.characters > self.most_characters:
            _, oldest = self._kept.popitem(last=False)
            self.characters -= length_of(oldest)

    def find(self, answer: str) -> Exchange | None:
        return self._kept.get(answer)


def length_of(exchange: Exchange) -> int:
    return len(exchange.text) + sum(len(message.content) for message in exchange.messages)
