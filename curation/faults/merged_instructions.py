"""Several instructions with their answers that stand in one row."""

import re

from curation.faults.prose import asked, holds, without_code
from project.records.data import Row

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
# Fields of a table whose quotation marks went wrong: …?","…
CELLS = re.compile(r"\?\"(?:,|;|\t)\s?\"|\?\t(?=\w)|\"\n\"[^\"\n]{3,300}\"[,;\t]\"")
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
    prompt, answer = asked(row), row.completion_text
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
    if ":" not in answer and "：" not in answer and "?" not in answer:
        return False
    prose = without_code(answer)
    if '":' in answer and len(FIELDS.findall(answer)) > 0 and not ASKS_FOR_SUCH.search(prompt):
        return True
    if not (asks_and_answers(prose) or torn(prose)):
        return False
    return ASKS_FOR_SUCH.search(prompt) is None


def torn(text: str) -> bool:
    """Whether fields of a table run on in a text."""
    return holds(text, ('?"', "?\t", '"\n"')) and CELLS.search(text) is not None


def asks_and_answers(text: str) -> bool:
    """Whether a mark says that somebody asks, and a later one that he is answered; or instructs."""
    found = marks(text)
    asks = next((i for i, word in enumerate(found) if word in ASKS), None)
    if asks is None:
        return False
    return found[asks] in INPUTS or any(word in ANSWERS for word in found[asks:])


def marks(text: str) -> list[str]:
    """The words before the colons of a text that begin a line or a sentence."""
    found = []
    for colon in COLON.finditer(text):
        before = text[max(0, colon.start() - 30) : colon.start()].lower()
        word = before.rstrip(" *]0123456789#")[-11:]
        if word.endswith(KNOWN) and (mark := BEFORE.search(before)):
            found.append(mark[1])
    return found


def both_parted(prompt: str, answer: str) -> bool:
    """As many parts on both sides: by a line between them, by numbers, or by empty lines."""
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
    found = NUMBERED.findall(text[:4_000])
    return [said for i, (number, said) in enumerate(found, start=1) if number == str(i)]


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
    found = marks(prompt)
    again = found.count(found[0]) > 1 and found[-1] in ASKS if found else False
    return again and found[0] in ASKS and any(word in ANSWERS for word in found)
