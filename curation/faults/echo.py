"""An answer that says the prompt again."""

import re
from collections import Counter

from curation.faults.prose import asked
from project.records.data import Row

WORD = re.compile(r"\w+")
UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
ENDS = ".?!:…。？！："
LEAST = (
    4  # words of a prompt whose repetition says something; in scripts without blanks, characters
)
FUZZY = 0.9  # of the words are the same
MOST_CHARACTERS = 4_000  # of a prompt that is looked at
SPARE = 100  # characters before the prompt is said again
MOST = 60  # words of a prompt that is compared word for word
# Whoever asks for it gets his own words back.
ASKS_FOR_IT = re.compile(
    r"\b(?:repeat|echo|copy|say|verbatim|word for word|transcri|proofread|spell|grammar|correct"
    r"|rewrite|rephrase|reword|paraphrase|edit|fix|extract|quote|punctuat|capitali|translat|convert"
    r"|replace|remove|reorder|rearrange|sort|unscramble|format|complete|continue|finish|fill|make"
    r"|change|add|insert|title|lowercase|uppercase|reverse|choose|select|which of|turn|switch"
    r"|transform|code)\w*|纠正|改写|翻译|重复|重写|续写|完成",
    re.I,
)


def echo(row: Row) -> str | None:
    prompt, answer = asked(row), row.completion_text
    if len(prompt) > MOST_CHARACTERS or not answer:
        return None
    question, told = normal(prompt), normal(answer[: 2 * len(prompt) + SPARE])
    if not long(question):
        return None
    if told == question:
        return "the answer is the prompt"
    if (says_again(prompt, answer) or alike(question, told)) and not ASKS_FOR_IT.search(
        prompt[:400]
    ):
        return "the answer says the prompt again"
    return "the answer is a part of the prompt" if repeats_question(prompt, told) else None


def normal(text: str) -> str:
    return " ".join(WORD.findall(text.casefold()))


def long(text: str) -> bool:
    return text.count(" ") + 1 >= LEAST or len(UNSPACED.findall(text)) >= 2 * LEAST


def says_again(prompt: str, answer: str) -> bool:
    """Whether the whole prompt stands at the beginning of the answer, as a sentence of its own.

    "In 1903." may well be "The first flight was in 1903.": who answers so goes on.
    """
    question = prompt.strip().rstrip(ENDS).casefold()
    head = answer[: len(prompt) + SPARE].casefold()
    at = head.find(question)
    if at < 0 or at > SPARE / 2:
        return False
    behind = head[at + len(question) :].lstrip(" \"'”’*_)")
    return not behind or behind[0] in ENDS + "\n"


def alike(question: str, told: str) -> bool:
    """Whether the answer has nearly all words of the question, and no others."""
    first, second = question.split(), told.split()
    if not LEAST < len(first) <= MOST or not 0.8 < len(second) / len(first) < 1.25:
        return False
    asked_words, told_words = Counter(first), Counter(second)
    shared = (asked_words & told_words).total()
    return shared >= FUZZY * len(first) and (told_words - asked_words).total() <= len(first) / 20


def repeats_question(prompt: str, told: str) -> bool:
    """Whether the answer is one of the prompt's questions, or its first line, and nothing else."""
    if not long(told) or len(told) > 400 or len(told) > len(prompt):
        return False
    if "\n" not in prompt and prompt.count("?") + prompt.count("？") < 1:
        return False
    parts = re.split(r"(?<=[?？])|\n", prompt)
    whole = [part for i, part in enumerate(parts) if i == 0 or part.rstrip().endswith(("?", "？"))]
    return len(parts) > 1 and any(normal(part) == told for part in whole)
