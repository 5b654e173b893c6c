"""What a value is: a text that somebody wrote, or a number, a date, a link and the like."""

import re
from typing import Literal

Kind = Literal[
    "texts",
    "conversations",
    "letters",  # the key of a multiple choice
    "true or false",
    "numbers",
    "dates",
    "links",
    "e-mail addresses",
    "ids",
    "lists",
    "objects",
    "nothing",
]

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\s?(?:[ap]m)?(?:Z|[+-]\d{2}:?\d{2})?"
DAY = "|".join(
    [
        r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?",
        r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}",
        rf"{MONTH} \d{{1,2}},? \d{{4}}",
        rf"\d{{1,2}}\.? {MONTH} \d{{4}}",
    ]
)
# Of a whole text; the first that fits.
SHAPES: list[tuple[Kind, re.Pattern[str]]] = [
    ("true or false", re.compile(r"true|false", re.I)),
    ("letters", re.compile(r"\(?[A-Za-z]\)?\.?(?:\s?[,;|/]\s?[A-Za-z])*")),
    (
        "dates",
        re.compile(rf"(?:[a-z]{{3,9}},? )?(?:{DAY})(?:[T ,]+{CLOCK}.{{0,6}})?|{CLOCK}", re.I),
    ),
    (
        "numbers",
        re.compile(r"[-+~(]?\s?[$€£¥]?\s?\d[\d.,' ]*(?:/\s?\d+)?\s?(?:[%$€£¥kKmM]|\w{1,3})?"),
    ),
    ("numbers", re.compile(r"\+?[\d\s().-]{5,20}")),
    ("links", re.compile(r"(?:https?|ftp|s3|file)://\S+|www\.\S+", re.I)),
    ("e-mail addresses", re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.I)),
    ("ids", re.compile(r"(?=[^\s]*\d)[A-Za-z0-9_.:#/-]{2,80}|[0-9a-f]{16,}", re.I | re.A)),
    ("objects", re.compile(r"\{\s*['\"][\s\S]*\}")),
    ("lists", re.compile(r"\[\s*['\"{\d][\s\S]*\]")),
]


def kind_of(value: object) -> Kind:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "numbers"
    if isinstance(value, list):
        return "lists"
    if isinstance(value, dict):
        return "objects"
    return kind_of_text(str(value).strip())


def kind_of_text(text: str) -> Kind:
    for kind, shape in SHAPES:
        if shape.fullmatch(text):
            return kind
    return "texts"


QUESTION = re.compile(
    r"[?？؟՞፧\u037e]|[吗嗎呢か]\s*[。.]?$|[\u0370-\u03ff];"
    r"|^(?:how|what|why|when|where|who|which|can|could|is|are|do|does|should|will)\b",
    re.I,
)


def asks(text: str) -> bool:
    """Whether a text holds a question, by its mark or by how it begins or ends."""
    return bool(QUESTION.search(text.strip()))
