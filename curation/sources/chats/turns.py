"""The turns of a conversation: who speaks in each, and which answers it has to teach."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from project.records.data import Message
from project.untrusted_input import quoted

Role = Literal["system", "user", "assistant"]
Turns = Literal["last", "every"]

# What people call the three, in lower case.
WORDS: dict[Role, str] = {
    "system": "system developer 系统 システム",
    "user": "user human customer client prompter visitor caller patient student usr"
    " benutzer nutzer kunde usuario cliente utilisateur usuário utente gebruiker klant"
    " пользователь клиент 用户 客户 ユーザー お客様 사용자 고객",
    "assistant": "assistant gpt chatgpt llm bot chatbot model ai agent support operator advisor"
    " representative rep doctor tutor claude assistent berater mitarbeiter asistente agente"
    " assistente medewerker ассистент оператор 助手 客服 アシスタント 오퍼레이터 상담원",
}
ROLES: dict[str, Role] = {word: role for role, words in WORDS.items() for word in words.split()}
TOOLS = re.compile(r"(tool|function)s?([ _](calls?|responses?|results?))?|observation|ipython")

# Only tables can.
IN_TABLES = ", unless --tools text is named, or `tools: text` in the source's columns"
TOOLS_UNREAD = f"tools are not read{IN_TABLES}"


def role_of(word: str) -> Role:
    """Whom a word means. Raises ValueError for a tool, and for whom it does not know."""
    known = word.strip().casefold()
    if TOOLS.fullmatch(known):
        raise ValueError(f"a turn of a tool ({quoted(word)}): {TOOLS_UNREAD}")
    if known not in ROLES:
        named = shlex.quote(f"{word.strip()}=assistant")
        raise ValueError(
            f"who is {quoted(word)}? Write system, user or assistant, or import with --role {named}"
        )
    return ROLES[known]


def message(role: Role, text: str) -> Message:
    """A turn. Raises ValueError for a text that no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a character (a lone surrogate)") from None
    return Message(role=role, content=text)


def joined(messages: Iterable[Message]) -> list[Message]:
    """What one side says in one go, as one turn, its parts joined by an empty line.

    People press Enter in the middle, and many chat templates refuse two turns of one side.
    """
    runs = [list(own) for _, own in groupby(messages, key=lambda message: message.role)]
    return [run[0] if len(run) == 1 else together(run) for run in runs]


def together(run: Sequence[Message]) -> Message:
    texts = [message.content for message in run if message.content.strip()]
    return Message(role=run[0].role, content="\n\n".join(texts))


@dataclass(frozen=True)
class Pairs:
    """The answers of a conversation, each with all that was said before it."""

    pairs: tuple[tuple[tuple[Message, ...], Message], ...]
    trimmed: int = 0  # turns after the last answer: nobody answered them
    greetings: int = 0  # answers before the first question: templates want a user to begin
    empty: int = 0  # answers without a word
    why: str | None = None  # there is no pair


def pairs(messages: Sequence[Message], turns: Turns) -> Pairs:
    """The last answer ("last"), or every one ("every"), given all that was said before it.

    An answer before the first question (a greeting) is dropped, as are turns after the last
    answer; both are counted. Turns without a word are left out of what was said before.
    """
    said = joined(messages)
    # Without answers before the first question, if anybody asks.
    users = [i for i, turn in enumerate(said) if turn.role == "user"]
    first = users[0] if users else 0
    asked = [turn for i, turn in enumerate(said) if i >= first or turn.role != "assistant"]
    # Without what comes after the last answer, if there is one.
    replies = [i for i, turn in enumerate(asked) if turn.role == "assistant"]
    ended = list(asked[: replies[-1] + 1] if replies else asked)
    answers = [i for i, turn in enumerate(ended) if turn.role == "assistant"]
    wanted = answers if turns == "every" else answers[-1:]
    found = tuple(answer_pairs(ended, wanted))
    return Pairs(
        pairs=found,
        trimmed=len(asked) - len(ended),
        greetings=len(said) - len(asked),
        empty=sum(not ended[i].content.strip() for i in wanted),
        why=None if found else why_none(ended, wanted),
    )


def answer_pairs(
    messages: Sequence[Message], answers: Iterable[int]
) -> Iterator[tuple[tuple[Message, ...], Message]]:
    """The answers at these positions that have words, and that a user asked for."""
    for i in answers:
        before = joined(turn for turn in messages[:i] if turn.content.strip())
        speakers = [turn.role for turn in before if turn.role != "system"]
        if messages[i].content.strip() and speakers[-1:] == ["user"]:
            yield tuple(before), messages[i]


def why_none(messages: Sequence[Message], answers: Sequence[int]) -> str:
    if not answers:
        return "nobody answers"
    if not any(messages[i].content.strip() for i in answers):
        return "its last answer is empty" if len(answers) == 1 else "its answers are empty"
    return "nobody asks before the answer"
