"""Things that an answer puts in the place of others: "savings account" for "current account".

Two signs, neither of which needs a model: a word of the reference is gone and one that excludes it
has come; or a word is gone before a noun, and another one has come before the same noun.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from evaluation.metrics.facts.listed import listed
from evaluation.metrics.facts.names import singular
from evaluation.metrics.facts.text_facts import TextFacts
from project.unicode_words import words

# Of each line, one thing is none of the others.
RIVALS = """
savings current checking salary joint
debit credit prepaid
personal home car gold education vehicle business student
fixed recurring
read write
reads writes
list tuple dict set string
largest smallest
first last
newest oldest
inner outer left right
front rear
deposit withdrawal
buy sell
domestic foreign
high low
higher lower
hot cold
increase decrease
morning afternoon evening
summer winter spring autumn
tenant landlord
sender recipient
buyer seller
lender borrower
express standard
basic premium
open closed
online offline
public private
red green blue yellow brown black white grey
north south east west
input output
row column
""".strip().splitlines()
RIVALS_OF: dict[str, set[str]] = defaultdict(set)
for _line in RIVALS:
    for _word in _line.split():
        RIVALS_OF[_word] |= {*_line.split()} - {_word}
SMALL = frozenset(
    listed(
        "a an the of for to in on at by with and or is are was be been it its this that these"
        " those you your we our us they them their i as from up not no than then there here"
        " per each every any all will can may must should would could have has had do does did"
        " if so only more most least after before until within between other others also"
        " please which who what when where but into out over under one two some such own same"
        " new usual whole normal extra additional possible certain further entire kind sort"
        " use using get gets got take takes need needs pay pays give gives made make makes"
        " keep keeps via through while because since unless except both either neither about"
        " just back ever never always once"
    )
)
# Said of the same thing: no exchange.
ALIKE = (
    {"annual", "yearly"},
    {"primary", "main"},
    {"maximum", "max", "highest", "largest"},
    {"minimum", "min", "lowest", "smallest"},
    {"nearest", "closest", "local"},
    {"correct", "right", "proper", "valid"},
    {"mobile", "cell", "phone"},
    {"big", "large"},
    {"business", "working"},
    {"latest", "recent"},
    {"stay", "remain"},
    {"cost", "charge", "price"},
    {"send", "sent", "ship", "shipped"},
    {"dr", "doctor", "mr", "ms", "mrs"},
)


def swapped_terms(answer: TextFacts, reference: TextFacts) -> list[tuple[str, str]]:
    """What stands in the reference, and what the answer has in its place, beside the facts."""
    ours, theirs = singulars(answer.without_facts), singulars(reference.without_facts)
    lost, new = set(theirs) - set(ours), set(ours) - set(theirs)
    found = dict(rivals(lost, new))
    described = {noun: word for word, noun in pairwise(theirs) if word in lost and counts(word)}
    for word, noun in pairwise(ours):
        gone = described.get(noun) if noun not in SMALL else None
        if gone and word in new and counts(word) and not alike(gone, word):
            found.setdefault(gone, word)
    return sorted(found.items())


def rivals(lost: set[str], new: set[str]) -> Iterator[tuple[str, str]]:
    for word in sorted(lost):
        if come := sorted(RIVALS_OF.get(word, set()) & new):
            yield word, come[0]


def counts(word: str) -> bool:
    """Whether it says which thing: no number, and no word of grammar."""
    return word not in SMALL and word.isalpha()


def alike(one: str, other: str) -> bool:
    return one[:4] == other[:4] or any({one, other} <= group for group in ALIKE)


def singulars(text: str) -> list[str]:
    return [singular(word) for word in words(text)]
