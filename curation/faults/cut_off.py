"""An answer that stops in the middle of a sentence."""

import re

from curation.faults.suspect_words import is_code, question_text
from project.records.data import Row


def cut_off(row: Row) -> str | None:
    text = row.completion_text.rstrip()
    if MARKED.search(text[-60:]):
        return "the answer says that it was cut"
    if (len(text) < LEAST and not text.endswith((",", "("))) or SIGNED.search(text[-60:]):
        return None
    if text.endswith(":") and not text.endswith(("::", "(:")) and not is_code(text):
        return "ends before what it announces"
    if hangs(text):
        whole = is_code(text) and text[-1] not in ",([{=+&"
        return None if whole else MIDST
    if ENDED.search(text[-3:]):
        # Three points behind a word that no sentence ends with.
        open_end = text.endswith(("...", "…")) and last_word(text.rstrip(".… ")) in OPEN - CLOSING
        return "ends with words without their end" if open_end else None
    if CHAT.search(text):
        return None
    if ends_open(text):
        return MIDST
    # Of himself somebody writes as he talks, without many full stops.
    if HIMSELF.search(text) and len(SENTENCE.findall(text)) < MOST_ENDED:
        return None
    # Few sentences end with such a word, in prose.
    prose = text.count(" ") > 11 and "\n" not in text[-200:] and text[:1].isupper()
    seldom = prose and last_word(text) in SELDOM_LAST and not ends_in_capitals(text)
    return MIDST if seldom or unended(text, question_text(row)) else None


MIDST = "ends in the middle of a sentence"


def hangs(text: str) -> bool:
    """Whether the last sign joins something, and is none of a link, a program, a grade, a smile."""
    return (
        HANGING.search(text[-40:]) is not None
        and "://" not in text[-200:].rsplit(None, 1)[-1]
        and not text.endswith(("**", "++", "--", "*/", "//", "---"))
        and not GRADE.search(text[-4:])
        and not SMILE.search(text[-4:])
    )


def last_word(text: str) -> str:
    match = LAST.search(text[-60:])
    return match[1].casefold().replace("’", "'") if match else ""


def ends_open(text: str) -> bool:
    """Whether the last word is one that no sentence ends with."""
    if UNSPACED.search(text):
        prose = len(text) > 20 and any(map(text.__contains__, "。，、"))
        return prose and PARTICLE.search(text) is not None
    return last_word(text) in OPEN - CLOSING and not ends_in_capitals(text)


def ends_in_capitals(text: str) -> bool:
    """A name, such as IT."""
    word = last_word(text)
    return len(word) > 1 and text[-len(word) :].isupper()


def unended(text: str, asks: str) -> bool:
    """Prose whose last sentence has no end, where it begins as a sentence does.

    Of several lines the others must end as sentences do: a list has no points at all.
    """
    *before, line = text.split("\n")
    if len(line) < LONG_ENOUGH or line.count(" ") < 7 or not line[-1].islower() or is_code(text):
        return False
    ends = [bool(ENDED.search(other[-3:])) for other in before if len(other) > LONG_ENOUGH]
    begins = SENTENCE.search(line) is not None if before else True
    if asks.rstrip()[-1:].isalpha() or re.search(r"[./@#]", line.split()[-1]):
        return False  # who writes so sets no points, or the end is a link
    return line.lstrip(OPENS)[:1].isupper() and begins and all(ends)


# --- sentence ends --------------------------------------------------------------------------------

# How sentences end, and with which words none does, in many languages.

LONG_ENOUGH = 45  # characters of a line of prose
OPENS = " \"\u201c\u2018'(*_-"
LEAST = 30  # characters of an answer that could have been longer
ENDED = re.compile(r"[.!?。！？…‥।؟۔»”\"'’)\]}>*_`~|%:;;]\s*\Z|\Z(?<=\d)")
MARKED = re.compile(
    r"[\[(<*_ ]*(?:truncated|to be continued|continued?(?: (?:below|in next))?|cut"
    r" off|message (?:cut|too long)|max(?:imum)? (?:tokens|length) reached"
    r"|snip)[.…]*[\])>*_ ]*\Z|\[(?:\.\.\.|…)\]?\Z",
    re.I,
)
# What no sentence ends with, in the languages of the Latin script whose words are not another's.
OPEN_TEXT = (
    "the a an of to for with from into by at and or but because although whose"
    " which who if than"
    " as is are was were be been being has had will would can could should may"
    " might must its their"
    " your our every very such these those between among during without within"
    " upon toward towards"
    " through about against per via whether while unless until since when where"
    " how what that this"
    " each both either neither any some no not only also more most his her my in"
    " on so then using"
    " including like both onto over under new several many you'll we'll it's"
    " they're it they we he she you i"
    " der das ein eine einen einem einer und oder mit von zu für ist sind wird"
    " werden dass weil auf im zur zum"
    " den dem des wenn aber sich nicht bei nach durch über kann"
    " le les un une du de et ou à avec pour est sont que qui dans sur par ne pas"
    " plus cette ces au aux"
    " el los las una del y con por para como su sus se al"
    " il lo gli della dei e di che per con una nel"
    " o os um uma do da dos das em na ao não"
    " het een van en met voor zijn wordt dat naar"
    " и в на с по для что как не из к от при это или но"
)
OPEN = frozenset(OPEN_TEXT.split())
# With these, sentences of English end too: "log in", "and so on", "I think so", "not me, you".
CLOSING_TEXT = (
    "in on so over under about through by you it they we he she i her his more"
    " most any some no not also then within"
    " without when where how what that this each both either neither since many several only very"
    " less like use using to be is are can will was do has had may might must"
    " could should would had those these while"
    " e o y de la os um me des den plus pas"
)
CLOSING = frozenset(CLOSING_TEXT.split())
SIGNED = re.compile(
    r"(?:regards|sincerely|yours|cheers|thanks|thank you|wishes|love|best"
    r"|faithfully|truly|respectfully|grüßen|saludos|cordialement"
    r"|atentamente)\s*,\s*\Z",
    re.I,
)
HANGING = re.compile(
    r"(?:[,，、(\[{“„«‹=+&/]|(?<=[\w.)])\s?[-–—]|(?<=\s)[-–—*•]|\n\s*(?:\d{1,3}[.)]|[-*•#]+))\s*\Z"
)
WORD = re.compile(r"\w+")
LAST = re.compile(r"([^\W\d_][\w'’-]*)\s*\Z")
UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]\Z")
PARTICLE = re.compile(
    r"(?:[的和与或把对从被及是在而但将为以且向]|因为|因此|如果|以及|例如|を|が|は|に|と|の|で|も|や|から|ので|そして)\Z"
)
SENTENCE = re.compile(r"[.!?]\s+(?=[A-ZÀ-Þ])")
# Who chats sets no point behind the last sentence.
CHAT = re.compile(
    r"(?i:\b(?:ha(?:ha)+|hehe|lol|lmao|omg|btw|idk|tbh|wbu|gonna|wanna|gotta|kinda|sorta|dunno"
    r"|yeah|yep|yup|hmm+|wow|aw+|cuz|dont|didnt|doesnt|cant|wont|isnt|thats|im|ive|duh)\b)"
    r"|\A(?:Well|Oh|Ah|Cause|Hey|Nice|Um)\b|(?<![\w.])i(?=['’ ])|[:;]-?[)D(P]|!!|\?\?"
)
HIMSELF = re.compile(r"\b(?:I|me|my)\b(?!/|\.)")
GRADE = re.compile(r"\b[A-FO][+-]\Z|\b(?:AB|C\+)[+-]\Z")  # C+ and A-, sums and rates
SMILE = re.compile(r"[:;=]['-]?[(\[{]\Z|\([:;=]\Z")
# With these, few sentences end.
SELDOM_LAST = frozenset(
    ("to", "is", "are", "can", "will", "be", "was", "may", "must", "should", "would", "could")
) | {"very", "this", "it", "that"}
MOST_ENDED = 4  # sentences of somebody who tells of himself and may leave the last one open
