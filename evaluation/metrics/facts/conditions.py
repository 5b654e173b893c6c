"""Words of a text that change what its facts say: its conditions, and terms put in others' place.

No parser stands behind this. It sees that an answer has no such word at all, or the opposite one;
it does not see what the word belongs to.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from evaluation.metrics.facts.compare_facts import TextFacts
from evaluation.metrics.facts.fact import folded, listed
from evaluation.metrics.facts.names import singular
from project.unicode_words import words

# --- conditions -----------------------------------------------------------------------------------

# By the words that make them: not, only, unless, at least, before.

WORDS: Mapping[str, str] = {
    "not": r"\w+n't|not|cannot|cant|no|never|none|nobody|nothing|nowhere|neither|nor|without"
    r"|(?:im|in|ir|un|non)-?(?:possible|able|valid|available|necessary|refundable|eligible"
    r"|changed|likely|limited|less|regular)|exclud(?:ed?|es|ing)|forbidden|prohibited"
    r"|refus(?:ed?|es)|den(?:y|ied|ies)|void|lose|loses|lost|fails?|free of|lacks?|nil|zero"
    r"|waived?",
    "except": r"except(?:ing|ion|ions)?|unless|apart from|aside from|other than"
    r"|exclud(?:ed?|es|ing)|but not|though not|(?:every|each|all|any)(?: \w+)? but|save for"
    r"|barring",
    "if": r"if|unless|provid(?:ed|ing)|as long as|so long as|on (?:the )?condition|subject to|when"
    r"|whenever|(?<!at )once|only (?:after|with|for|in|on)|in case|depend(?:s|ing)"
    r"|until|where|whoever",
    "only": r"only|solely|exclusively|just|merely|alone|nobody (?:but|else)|no one (?:but|else)"
    r"|restricted to|limited to|reserved for",
    "least": r"at least|minimum|min|no less than|not less than|or more|or over|or older|or later"
    r"|or above|and above|more than|above|over|exceed(?:s|ing)?|starting (?:at|from)|onwards"
    r"|older than|higher than|heavier than|longer than|from",
    "most": r"at most|maximum|max|no more than|not more than|or less|or fewer|or under|up ?to"
    r"|as much as|less than|fewer than|below|under|within|cap(?:ped)?|limit(?:ed)?|not exceed\w*"
    r"|until|younger than|by|never more|in|no later than|to",
    "before": r"before|prior to|ahead of|in advance|by|until|pre-?\w*|earlier",
    "after": r"after|afterwards|following|once|from|later|post-?\w*|since|then|when|within|of|past",
}
CONDITIONS = {
    name: re.compile(rf"(?<![\w'])(?:{words})(?![\w'])", re.IGNORECASE)
    for name, words in WORDS.items()
}
# What is asked for where the reference has it: a few plain words each, or an answer would be
# blamed for a "by" that it turns into a verb.
ASKED = {
    "not": r"\w+n't|not|cannot|never|nobody|without|no",
    "except": r"except|unless|apart from|excluding|but not",
    "if": r"if|unless|provided that|as long as|subject to|on condition",
    "only": r"only|solely|exclusively",
    "least": r"at least|minimum",
    "most": r"at most|maximum|no more than|not more than|up to",
    "before": r"before|prior to",
    "after": r"after",
}
ASKED_WORDS = {
    name: re.compile(rf"(?<![\w'])(?:{words})(?![\w'])", re.IGNORECASE)
    for name, words in ASKED.items()
}
# An answer may say it the other way: "unless it exists" is "if it does not exist".
OTHERWISE = {"except": ("not", "only"), "only": ("except", "if"), "not": ("except",)}
# Of two opposites, the one that only the answer has was put in the other one's place.
BOUND = re.compile(r"\bnot? (?:more|less|fewer|later|earlier|longer) than\b", re.IGNORECASE)
OPPOSITE = {"least": "most", "most": "least", "before": "after", "after": "before"}


def conditions_kept(answer: str, reference: str) -> float | None:
    """The share of the reference's conditions that the answer has too; None of none."""
    answer, reference = folded(answer), folded(reference)
    asked = [name for name, words in ASKED_WORDS.items() if words.search(reference)]
    if "not" in asked and not ASKED_WORDS["not"].search(BOUND.sub("", reference)):
        asked.remove("not")
    if not asked:
        return None
    return sum(keeps(name, answer) for name in asked) / len(asked)


def keeps(name: str, answer: str) -> bool:
    if not any(CONDITIONS[kind].search(answer) for kind in (name, *OTHERWISE.get(name, ()))):
        return False
    opposite = OPPOSITE.get(name)
    plain = ASKED_WORDS[name].search(answer)
    return not opposite or bool(plain) or not ASKED_WORDS[opposite].search(answer)


# --- swapped terms --------------------------------------------------------------------------------

# Things that an answer puts in the place of others: "savings account" for "current account".
#
# Two signs, neither of which needs a model: a word of the reference is gone and one that excludes
# it has come; or a word is gone before a noun, and another one has come before the same noun.

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
    swapped = dict(rivals(lost, new))
    described = {noun: word for word, noun in pairwise(theirs) if word in lost and counts(word)}
    for word, noun in pairwise(ours):
        gone = described.get(noun) if noun not in SMALL else None
        if gone and word in new and counts(word) and not alike(gone, word):
            swapped.setdefault(gone, word)
    return sorted(swapped.items())


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
