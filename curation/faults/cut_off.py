"""An answer that stops in the middle of a sentence."""

import re

from curation.faults.prose import asked, is_code
from project.records.data import Row

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
    " could should would had"
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
LAST = re.compile(r"([^\W\d_][\w'’-]*)\s*\Z")
UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]\Z")
PARTICLE = re.compile(
    r"(?:[的和与或把对从被及是在而但将为以且向]|因为|因此|如果|以及|例如|を|が|は|に|と|の|で|も|や|から|ので|そして)\Z"
)
SENTENCE = re.compile(r"[.!?]\s+(?=[A-ZÀ-Þ])")


def cut_off(row: Row) -> str | None:
    text = row.completion_text.rstrip()
    if MARKED.search(text[-60:]):
        return "the answer says that it was cut"
    if len(text) < LEAST and not text.endswith((",", "(")):
        return None
    if SIGNED.search(text[-60:]):
        return None
    if text.endswith(":") and not text.endswith("::") and not is_code(text):
        return "ends before what it announces"
    if (
        HANGING.search(text[-40:])
        and "://" not in text[-200:].rsplit(None, 1)[-1]
        and not text.endswith(("**", "++", "--", "*/", "//", "---"))
        and not grade(text)
    ):
        return (
            None
            if is_code(text) and text[-1] not in ",([{=+&"
            else "ends in the middle of a sentence"
        )
    if ENDED.search(text[-3:]):
        return "ends with words without their end" if trails_off(text) else None
    return (
        "ends in the middle of a sentence"
        if ends_open(text) or within_word(row, text) or unended(text, asked(row))
        else None
    )


def grade(text: str) -> bool:
    """C+ and A-, sums and rates."""
    return re.search(r"\b[A-FO][+-]\Z|\b(?:AB|C\+)[+-]\Z", text[-4:]) is not None


def last_word(text: str) -> str:
    found = LAST.search(text[-60:])
    return found[1].casefold().replace("’", "'") if found else ""


def ends_open(text: str) -> bool:
    if UNSPACED.search(text):
        return (
            len(text) > 20
            and ("。" in text or "，" in text or "、" in text)
            and PARTICLE.search(text) is not None
        )
    word = last_word(text)
    if word not in OPEN or (text[-len(word) :].isupper() and len(word) > 1):
        return False
    if word in CLOSING:
        return (
            text.count(" ") > 11
            and word
            in (
                "to",
                "is",
                "are",
                "can",
                "will",
                "be",
                "was",
                "may",
                "must",
                "should",
                "would",
                "could",
                "very",
                "this",
                "it",
                "that",
            )
            and unended_prose(text)
        )
    return True


def trails_off(text: str) -> bool:
    """Three points behind a word that no sentence ends with."""
    if not text.endswith(("...", "…")):
        return False
    word = last_word(text.rstrip(".… "))
    return word in OPEN - CLOSING


def unended_prose(text: str) -> bool:
    return "\n" not in text[-200:] and text[:1].isupper()


def within_word(row: Row, text: str) -> bool:
    """Whether the last word is the beginning of another word of the row, and stands there once."""
    word = last_word(text)
    if len(word) < 3 or word.endswith("s") or not word.isalpha():
        return False
    whole = f"{row.prompt_text} {text}".casefold()
    return (
        text.count(" ") > 4
        and len(re.findall(rf"\b{re.escape(word)}\b", whole)) == 1
        and (
            re.search(
                rf"\b{re.escape(word)}(?!s\b|es\b|ed\b|ing\b|d\b|ly\b|er\b|'s)[^\W\d_]{{2,}}", whole
            )
            is not None
        )
    )


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
