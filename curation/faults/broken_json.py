"""Answers that are meant as JSON and do not parse."""

import json
import re
from collections.abc import Iterator

from project.records.data import Row

ASKED = re.compile(r"\bjson\b(?!l| ?lines)", re.IGNORECASE)
FENCED = re.compile(r"```[ \t]*json[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
WHOLE = re.compile(r"```\w*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
LEAD = re.compile(r"[^{\[\n]{0,80}:\s*(?=\{\s*[\"'\n]|\[\s*[{\"'])")  # "Here it is: {…"
# What JSON begins with, and hardly anything else: an object, or a list of texts or numbers.
OBJECT = re.compile(r"\{\s*(?:[\"'“”]|[\w-]{1,40}\s*:\s|\}|\Z)")
LIST = re.compile(r"\[\s*(?:\{|\[|\"|'|“|-?\d[\d.]*\s*[,\]]|true\b|false\b|null\b|\]|\Z)")
# Without being asked for: a key in quotes, in an object or in a list of them.
KEYED = re.compile(r"(?:\[\s*)?\{\s*[\"'][\w .-]{1,80}[\"']\s*:")
BARE = re.compile(r"\"[\w .-]{1,80}\"\s*:")  # the bracket in front is missing
# What else is written so.
CODE = re.compile(
    r"\b(?:python|javascript|typescript|dict(?:ionary|ionaries|s)?|ruby|php|code|function|print"
    r"|output|variable|program)\b",
    re.IGNORECASE,
)
AND_SO_ON = re.compile(r"\.\.\.|…")
DECODER = json.JSONDecoder()


def broken_json(row: Row) -> str | None:
    meant = meant_as_json(row.prompt_text, row.completion_text.strip())
    return None if all(map(parses, meant)) else "JSON that does not parse"


def meant_as_json(prompt: str, answer: str) -> Iterator[str]:
    """The parts of an answer that should parse."""
    asked = bool(ASKED.search(prompt))
    if asked or "```" in answer:
        fenced = [match[1] for match in FENCED.finditer(answer)]
        yield from (text for text in fenced if not AND_SO_ON.search(text))
        if fenced:
            return
    body = bare(answer, asked)
    like_it = OBJECT.match(body) or LIST.match(body) or BARE.match(body)
    if (asked and like_it) or (KEYED.match(body) and not CODE.search(prompt)):
        yield body


def bare(answer: str, asked: bool) -> str:
    """The answer without a fence around it, or a few words before it."""
    if (whole := WHOLE.match(answer)) is not None:
        return whole[1].strip()
    lead = LEAD.match(answer) if asked else None
    return answer[lead.end() :] if lead else answer


def parses(text: str) -> bool:
    """Whether a text is JSON, be it several values; what is said behind it in words may stay."""
    at, text = 0, text.strip()
    while at < len(text):
        try:
            _, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):  # the second is for very many brackets
            return False
        while at < len(text) and text[at].isspace():
            at += 1
        if text[at : at + 1] not in tuple('{["}],:'):
            return True
    return bool(text)
