"""Answers whose form is broken: JSON, code fences, turns, several instructions."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise

from curation.faults.suspect_words import holds, question_text, without_code
from project.records.data import Row

# --- broken json ----------------------------------------------------------------------------------

# Answers that are meant as JSON and do not parse.

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


# --- open fence -----------------------------------------------------------------------------------

# Code fences that are not closed.

FENCE = re.compile(r"(?P<mark>`{3,}|~{3,})(?P<rest>[^\n]*)")


def open_fence(row: Row) -> str | None:
    turns = (*row.prompt, *row.completion)
    every = (message.content for message in turns if message.role != "tool")
    return "a code fence that is not closed" if any(map(is_open, every)) else None


def is_open(text: str) -> bool:
    """Whether a fence is left open. As people write fences, one may open inside a line too; what
    closes it ends a line.
    """
    if "```" not in text and "~~~" not in text:
        return False
    mark = ""
    for fence in FENCE.finditer(text):
        sign, rest = fence["mark"], fence["rest"].strip()
        if not mark:
            mark = "" if sign[:3] in rest or is_underline(text, fence) else sign
        elif sign[0] == mark[0] and len(sign) >= len(mark) and not rest:
            mark = ""
    return bool(mark)


def is_underline(text: str, fence: re.Match[str]) -> bool:
    """Whether a line of tildes, and nothing else, is as long as a title above it."""
    if fence["mark"][0] != "~" or fence["rest"].strip() or len(fence["mark"]) == 3:
        return False
    start = fence.start()
    above = text[max(0, start - 200) : start]
    return above.endswith("\n") and bool(above[:-1].rpartition("\n")[2].strip())


# --- turn order -----------------------------------------------------------------------------------

# Turns that are not in the order in which people talk.


def turn_order(row: Row) -> str | None:
    roles = [message.role for message in row.prompt]
    spoken = roles[1:] if roles[0] == "system" else roles
    if misplaced := not_answered(row):
        return misplaced
    if "system" in spoken:
        return "a system prompt in the middle"
    if spoken[:1] != ["user"]:
        return "an answer before the first question"
    if any(first == second != "tool" for first, second in pairwise(spoken)):
        return "one side speaks twice in a row"
    filled = (turn.text.strip() or turn.role == "tool" for turn in row.prompt[:-1])
    if len(row.prompt) > 1 and not all(filled):
        return "a turn without a word"
    return None


def not_answered(row: Row) -> str | None:
    """Why what is learnt is no answer to a question, if it is none."""
    if any(message.role != "assistant" for message in row.completion):
        return "the last turn is no answer"
    asked = row.prompt[-1].role in ("user", "tool")
    return None if asked else "nobody asks before the answer"


# --- merged instructions --------------------------------------------------------------------------

# Several instructions with their answers that stand in one row.

# Who speaks behind a colon, in lower case.
ASKS_TEXT = (
    "instruction question prompt task query user human customer exercise problem"
    " q frage aufgabe pregunta domanda"
    " pergunta vraag вопрос 问题 问 指令 質問 질문"
)
ASKS = frozenset(ASKS_TEXT.split())
ANSWERS_TEXT = (
    "response output answer completion assistant solution agent bot ai reply a"
    " antwort réponse respuesta risposta resposta"
    " antwoord ответ 回答 答案 答 답변"
)
ANSWERS = frozenset(ANSWERS_TEXT.split())
INPUTS = frozenset(("instruction", "task", "prompt", "question"))
BEGINS = re.compile(r"[\s#*>\[(\d.)-]{0,8}[^\W\d_]{1,11}[\s#]{0,2}\d{0,3}[\])]?[*\s]{0,3}")
KNOWN = tuple(ASKS | ANSWERS)
COLON = re.compile("[:：]")
BEFORE = re.compile(
    r"(?:^|[\n.!?。？)|]\s*|\s{2,})[\s#*>\[(\d.)-]{0,8}(?:(?:next|new|another|second"
    r"|following) )?([^\W\d_]{1,11})[\s#]{0,2}\d{0,3}[\])]?[*\s]{0,3}\Z"
)
FIELDS = re.compile(
    r"""["'](?:instruction|prompt|question|input)["']\s*:.{1,2000}?["'](?:output|completion|answer|response)["']\s*:""",
    re.S,
)
PARTED = re.compile(
    r"\n[ \t]*(?:-{3,}|\*{3,}|={3,}|#{3,}|_{3,}|\|{2,}|<sep>|\[SEP\])\s*\n|\s\|{3}\s|<sep>|\[SEP\]",
    re.I,
)
NUMBERED = re.compile(r"(?:^|\n)[ \t]*\(?(\d)[.):][ \t]*(?=(\S[^\n]*))")
REQUEST = re.compile(
    r"\W*(?:what|who|whom|whose|when|where|why|how|which|is|are|do|does|can|could|write|explain"
    r"|describe|summari[sz]e|translate|list|give|name|tell|create|generate|find|calculate|identify"
    r"|classify|rewrite|convert|define|compare)\b",
    re.I,
)
ASKS_FOR_SUCH = re.compile(
    r"\b(?:questions?|faq|quiz|q&a|q & a|dialog(?:ue)?s?|conversations?|interview|transcript|script"
    r"|examples?|prompts?|instructions?|flash ?cards?|exercises?|tasks?|chat)\b|问题|对话",
    re.I,
)


def several_in_one(row: Row) -> str | None:
    prompt, answer = question_text(row), row.completion_text
    if marked_again(prompt, answer):
        return "another instruction in the answer"
    if both_parted(prompt, answer):
        return "several prompts and several answers"
    if asks_again(prompt, answer):
        return "another question in the answer"
    if instructs_twice(prompt):
        return "an instruction with an answer before the last one"
    return None


def marked_again(prompt: str, answer: str) -> bool:
    if ":" not in answer and "：" not in answer:
        return False
    prose = without_code(answer)
    if '":' in answer and len(FIELDS.findall(answer)) > 0 and not ASKS_FOR_SUCH.search(prompt):
        return True
    return asks_and_answers(prose) and ASKS_FOR_SUCH.search(prompt) is None


def asks_and_answers(text: str) -> bool:
    """Whether a mark says that somebody asks, and a later one that he is answered; or instructs."""
    words = marks(text)
    asks = next((i for i, word in enumerate(words) if word in ASKS), None)
    if asks is None:
        return False
    return words[asks] in INPUTS or any(word in ANSWERS for word in words[asks:])


def marks(text: str) -> list[str]:
    """The words before the colons of a text that begin a line or a sentence."""
    words = []
    for colon in COLON.finditer(text):
        before = text[max(0, colon.start() - 30) : colon.start()].lower()
        word = before.rstrip(" *]0123456789#")[-11:]
        if word.endswith(KNOWN) and (mark := BEFORE.search(before)):
            words.append(mark[1])
    return words


def both_parted(prompt: str, answer: str) -> bool:
    """Whether both sides have as many parts: by a line between them, by numbers, or by
    empty lines.
    """
    if "\n" not in prompt and not holds(prompt.lower(), ("|||", "<sep>", "[sep]")):
        return False
    marks = len(PARTED.findall(prompt))
    if marks and marks == len(PARTED.findall(answer)):
        return True
    first, second = numbered(prompt), numbered(answer)
    if len(first) > 1 and len(first) == len(second) and prompt.lstrip("( \n")[:1] == "1":
        return all(is_request(text) for text in first)
    asked_here = [part for part in prompt.split("\n") if part.strip()]
    said_here = [part for part in re.split(r"\n\s*", answer) if part.strip()]
    return 1 < len(asked_here) == len(said_here) and all(map(is_request, asked_here))


def numbered(text: str) -> list[str]:
    """The texts of the numbers 1, 2, … at the beginnings of lines."""
    entries = NUMBERED.findall(text[:4_000])
    return [entry for i, (number, entry) in enumerate(entries, start=1) if number == str(i)]


def is_request(text: str) -> bool:
    text = text.strip()
    words = text.count(" ") + 1
    return 2 < words < 60 and (text.endswith(("?", "？")) or REQUEST.match(text) is not None)


def asks_again(prompt: str, answer: str) -> bool:
    """Whether a line within the answer begins as the prompt does, and asks something else."""
    if "\n" not in answer:
        return False
    first = prompt.casefold().split(maxsplit=3)[:3]
    if len(first) < 3 or not REQUEST.match(prompt):
        return False
    beginning = " ".join(first)
    lines = [" ".join(line.casefold().split()) for line in answer.split("\n")[1:-1]]
    return any(line.startswith(beginning) and is_request(line) for line in lines)


def instructs_twice(prompt: str) -> bool:
    """Whether one asks, is answered and asks again before the answer that is learnt.

    Examples are written so too, but then an instruction comes first that says what they are of.
    """
    first = COLON.search(prompt, 0, 60)
    if first is None or BEGINS.fullmatch(prompt[: first.start()].lower()) is None:
        return False
    words = marks(prompt)
    again = words.count(words[0]) > 1 and words[-1] in ASKS if words else False
    return again and words[0] in ASKS and any(word in ANSWERS for word in words)
