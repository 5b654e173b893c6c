"""Conditions of a text by the words that make them: not, only, unless, at least, before.

No parser stands behind this. It sees that an answer has no such word at all, or the opposite one;
it does not see what the word belongs to.
"""

import re
from collections.abc import Mapping

from evaluation.metrics.facts.folded_text import folded

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
    if not any(CONDITIONS[one].search(answer) for one in (name, *OTHERWISE.get(name, ()))):
        return False
    opposite = OPPOSITE.get(name)
    plain = ASKED_WORDS[name].search(answer)
    return not opposite or bool(plain) or not ASKED_WORDS[opposite].search(answer)
