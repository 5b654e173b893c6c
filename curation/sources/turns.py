"""The turns of a conversation: who speaks in each, and which answers it has to teach."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
IN_TABLES = ", unless --tools keep is named, or `tools: keep` in the source's columns"
TOOLS_UNREAD = f"tools are not read{IN_TABLES}"
NOT_LEARNT = "weights say that none of its answers is learnt"


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
    """What one side says in one go, as one turn, its parts joined by an empty line. A result of a
    tool is a turn of its own, and behind a call nothing is joined to it.

    People press Enter in the middle, and many chat templates refuse two turns of one side.
    """
    turns: list[Message] = []
    for turn in messages:
        last = turns[-1] if turns else None
        if last and last.role == turn.role != "tool" and not last.tool_calls:
            turns[-1] = together(last, turn)
        else:
            turns.append(turn)
    return turns


def together(first: Message, second: Message) -> Message:
    """Of two answers that were weighed, both must be learnt for the whole to be."""
    texts = [message.content for message in (first, second) if message.content.strip()]
    weights = [turn.weight for turn in (first, second) if turn.weight is not None]
    weight = min(weights, default=None)
    return second.model_copy(update={"content": "\n\n".join(texts), "weight": weight})


def says_something(turn: Message) -> bool:
    return bool(turn.content.strip() or turn.tool_calls) or turn.role == "tool"


@dataclass(frozen=True)
class Pairs:
    """The answers of a conversation, each with all that was said before it."""

    pairs: tuple[tuple[tuple[Message, ...], Message], ...]
    why: str | None = None  # there is no pair


def pairs(messages: Sequence[Message], turns: Turns) -> Pairs:
    """The last answer ("last"), or every one ("every"), given all that was said before it.

    An answer before the first question (a greeting) is dropped, for templates want a user to begin,
    as are turns after the last answer. Turns without a word are left out of what was said before.
    An answer of weight 0 is no answer to learn, but is said before others.
    """
    spoken = joined(messages)
    # Without answers before the first question, if anybody asks.
    users = [i for i, turn in enumerate(spoken) if turn.role == "user"]
    first = users[0] if users else 0
    asked = [turn for i, turn in enumerate(spoken) if i >= first or turn.role != "assistant"]
    # Without what comes after the last answer, if there is one.
    replies = [i for i, turn in enumerate(asked) if turn.role == "assistant"]
    taught = [i for i in replies if asked[i].weight != 0]
    if replies and not taught:
        return Pairs((), NOT_LEARNT)
    ended = list(asked[: taught[-1] + 1] if taught else asked)
    wanted = taught if turns == "every" else taught[-1:]
    examples = tuple(answer_pairs(ended, wanted))
    return Pairs(examples, None if examples else why_none(ended, wanted))


def answer_pairs(
    messages: Sequence[Message], answers: Iterable[int]
) -> Iterator[tuple[tuple[Message, ...], Message]]:
    """The answers at these positions that have words, and that a user asked for."""
    for i in answers:
        before = joined(filter(says_something, messages[:i]))
        speakers = [turn.role for turn in before if turn.role != "system"]
        if says_something(messages[i]) and speakers[-1:] in (["user"], ["tool"]):
            yield tuple(before), messages[i]


def why_none(messages: Sequence[Message], answers: Sequence[int]) -> str:
    if not answers:
        return "nobody answers"
    if not any(says_something(messages[i]) for i in answers):
        return "its last answer is empty" if len(answers) == 1 else "its answers are empty"
    return "nobody asks before the answer"


# --- marked turns ---------------------------------------------------------------------------------

# Conversations that were written as one text, with marks that say who speaks.
#
# Two kinds of marks. Tokens of chat templates (`<|im_start|>user`, `[INST]`) stand for nothing
# else, wherever they are. Words (`### Response:`, `Agent:`) occur in answers too: only those that
# the text uses up to its first answer are marks in it.

NAMES = "|".join(sorted(map(re.escape, ROLES), key=len, reverse=True))
TOOL = "tool|function|function_call|observation|tool_call|tool_response"
# One expression a format, whose group says who speaks.
TOKENS = [
    re.compile(r"<\|im_start\|>[ ]*(?P<who>\w+)[ ]*\n?"),  # ChatML
    re.compile(r"<\|(?:start_header_id|header_start)\|>\s*(?P<who>\w+)\s*<\|[a-z_]+\|>"),  # Llama 3
    re.compile(r"<start_of_turn>[ ]*(?P<who>\w+)[ ]*\n?"),  # Gemma
    re.compile(r"(?P<who>\[/?INST\]|\[/?SYSTEM_PROMPT\])"),  # Llama 2, Mistral
    re.compile(rf"<[|｜](?P<who>{NAMES}|{TOOL})[|｜]>", re.I),  # Zephyr, Phi, DeepSeek
]
INST: dict[str, Role] = {"[INST]": "user", "[/INST]": "assistant", "[SYSTEM_PROMPT]": "system"}
CLOSING = ("[/INST]", "[/SYSTEM_PROMPT]")  # with nothing behind it, it ends a turn and begins none
SYS = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>(.*)", re.S)
BEGIN = re.compile(
    r"(?:\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<｜begin▁of▁sentence｜>))+"
)
END = (
    r"<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<\|eot\|>|<\|end\|>|<end_of_turn>|<\|endoftext\|>"
    r"|<\|end_of_text\|>|<｜end▁of▁sentence｜>|<eos>|</s>"
)
ENDS = re.compile(END)
LAST = re.compile(rf"(?:\s*(?:{END}|<s>))+\s*$")

# Words that stand for the two sides: of `###` headings, and of the beginnings of lines.
HEADINGS: dict[str, Role] = ROLES | {
    "instruction": "user",
    "input": "user",
    "context": "user",
    "question": "user",
    "response": "assistant",
    "output": "assistant",
    "answer": "assistant",
}
# Questions and answers have words of their own, so that "A:" in a list of choices is no answer.
SPEAKERS: list[dict[str, Role]] = [
    {"q": "user", "a": "assistant"},
    {"question": "user", "answer": "assistant", "réponse": "assistant"},
    {"frage": "user", "antwort": "assistant"},
    {"pregunta": "user", "respuesta": "assistant"},
    {"pergunta": "user", "resposta": "assistant"},
    {"domanda": "user", "risposta": "assistant"},
    {"vraag": "user", "antwoord": "assistant"},
    {"вопрос": "user", "ответ": "assistant"},
    {"问": "user", "答": "assistant"},
    {"问题": "user", "答案": "assistant", "回答": "assistant"},
    {"質問": "user", "回答": "assistant"},
    {"질문": "user", "답변": "assistant"},
    ROLES,
]
# `[10:42] Agent: …` and `Agent (10:42): …`, and `Q1: …` too.
TIME = r"(?:[\[(]?(?:\d[\d./-]*[ T])?\d+:[\d:.]*\d[ ]?(?:[ap]\.?m\.?)?[\])]?[ \t]*)?"
NUMBER = rf"(?:\d+[ \t]*|{TIME})"
# The prompt that Alpaca's rows begin with speaks of the marks, which a chat template replaces.
ALPACA = re.compile(r"Below is an instruction that describes a task", re.I)


def marked_turns(text: str) -> list[Message]:
    """The turns of a text with marks. Raises ValueError that says why it has none."""
    text = text.replace("\r\n", "\n")
    text = (text[begin.end() :] if (begin := BEGIN.match(text)) else text).lstrip()
    for token in TOKENS:
        if token.match(text):
            turns: list[Message] = []
            for who, content in cut(text, token)[1]:
                content = LAST.sub("", content).strip()
                if ENDS.search(content) or (who == "[/SYSTEM_PROMPT]" and content):
                    raise ValueError("has text between two turns")
                if content or who not in CLOSING:
                    turns += with_system(INST.get(who) or role_of(who), content)
            return turns
    for read in (heading_turns, line_turns, capital_turns):
        if turns := read(text):
            return turns
    if any(token.search(text) for token in TOKENS):
        raise ValueError("has text before its first turn")
    raise ValueError("a text without marks that say who speaks")


def with_system(role: Role, text: str) -> list[Message]:
    """A turn, and before it the system prompt that Llama 2 writes into a question."""
    if role == "user" and (match := SYS.fullmatch(text)):
        return [message("system", match[1].strip()), message(role, match[2].strip())]
    return [message(role, text)]


def heading_turns(text: str) -> list[Message]:
    """`### Instruction: … ### Response: …`, `### Human: … ### Assistant: …`, on one line too."""
    words = "|".join(sorted(HEADINGS, key=len, reverse=True))
    opening, spoken = cut(text, re.compile(rf"(?<!#)### ?(?P<who>{words}) ?:", re.I))
    turns = word_turns(text, spoken, HEADINGS, r"(?<!#)### ?(?P<who>{}) ?:")
    return [*preamble(opening), *turns] if turns else []


def line_turns(text: str) -> list[Message]:
    """`Customer: …` and `Agent: …` at the beginnings of lines; the text begins with one of them."""
    for roles in SPEAKERS:
        mark = rf"^[ \t]*{TIME}(?:\*\*|<)?(?P<who>{{}})(?:\*\*|>)?[ \t]*{NUMBER}[:：](?:\*\*)?"
        words = "|".join(sorted(map(re.escape, roles), key=len, reverse=True))
        opening, spoken = cut(text, re.compile(mark.format(words), re.I | re.M))
        if spoken and not opening.strip():
            return word_turns(text, spoken, roles, mark)
    return []


def capital_turns(text: str) -> list[Message]:
    """`USER: … ASSISTANT: …`, in capitals, on one line too, as Vicuna has it."""
    mark = re.compile(r"(?<!\w)(?P<who>SYSTEM|USER|ASSISTANT):")
    opening, spoken = cut(text, mark)
    if not {"USER", "ASSISTANT"} <= {who for who, _ in spoken}:
        return []
    return [*preamble(opening), *turns_of(spoken, ROLES)]


def word_turns(
    text: str, spoken: Sequence[tuple[str, str]], roles: dict[str, Role], mark: str
) -> list[Message]:
    """Turns by the words that the text uses up to its first answer; none where nobody answers.

    A greeting before the first question is no answer yet.
    """
    used = [who.casefold() for who, _ in spoken]
    sides = [roles.get(who) for who in used]
    if "assistant" not in sides:
        return []
    asked = sides.index("user") if "user" in sides else 0
    answer = sides.index("assistant", asked if "assistant" in sides[asked:] else 0)
    calls = ["function response", "function call"]  # they are refused, not taught
    marks = sorted({*map(re.escape, used[: answer + 1]), *calls}, key=len, reverse=True)
    pattern = re.compile(mark.format("|".join(marks)), re.I | re.M)
    return turns_of(cut(text, pattern)[1], roles)


def turns_of(spoken: Iterable[tuple[str, str]], roles: dict[str, Role]) -> list[Message]:
    return [
        message(roles.get(who.casefold()) or role_of(who), LAST.sub("", content).strip())
        for who, content in spoken
    ]


def preamble(opening: str) -> list[Message]:
    """What stands before the first turn is the system prompt."""
    text = opening.strip()
    return [message("system", text)] if text and not ALPACA.match(text) else []


def cut(text: str, mark: re.Pattern[str]) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the first mark, and of each mark who it says speaks and what follows."""
    marks = list(mark.finditer(text))
    ends = [*(match.start() for match in marks), len(text)]
    spoken = [
        (match["who"], text[match.end() : end])
        for match, (_, end) in zip(marks, pairwise(ends), strict=True)
    ]
    return text[: ends[0]], spoken
