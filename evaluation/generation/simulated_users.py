"""Who speaks to the assistant in a scenario: a script, or a model that plays a user."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

import regex

from evaluation.evaluation_settings import UserModelParams
from evaluation.generation.backends.backend import ChatRequest
from project.records.data import Message
from project.records.scenarios import SimulatedUser

SECTION = "evaluation.generation.conversations.user"
SECONDS = 1.0  # for a pattern to be found
CONCURRENCY, RETRIES, ANSWER_SECONDS = 16, 5, 120.0
TEMPERATURE, MOST_TOKENS = 0.0, 256
LEAVES = "###STOP###"
BEGIN = "(The assistant waits for your first message.)"
PLAYED = (
    "You play the user in a conversation with an assistant. {}\n\n"
    "Write the user's next message and nothing else: no notes, and never the assistant's part. Do "
    "not tell all at once, and invent nothing that is not said above. When you have what you "
    "want, or see that you will not get it, write {} alone."
)
Turns = Sequence[Message]


class SlowPatternError(Exception):
    """A pattern of a script takes too long on what an assistant said."""


# --- script ---------------------------------------------------------------------------------------


class ScriptedUser:
    """Of one run of a conversation."""

    def __init__(self, user: SimulatedUser, seed: str) -> None:
        self.user = user
        self.chance = Random(seed)
        self.said: Counter[int] = Counter()  # how often each line was

    def reply(self, turns: Turns) -> str | None:
        """What the user says to the last turn; None: nothing any more. Raises SlowPatternError."""
        heard, calls = turns[-1].content, called_since(turns)
        for number, line in enumerate(self.user.script):
            if self.said[number] == line.times or (line.called and line.called not in calls):
                continue
            if line.when is None or is_found(line.when, heard):
                self.said[number] += 1
                return self.drawn(line.say)
        return self.drawn(self.user.otherwise)

    def drawn(self, texts: Sequence[str]) -> str | None:
        return self.chance.choice(texts) if texts else None


def called_since(turns: Turns) -> set[str]:
    """The tools that were called since the user spoke."""
    spoke = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    return {call.name for turn in turns[spoke + 1 :] for call in turn.tool_calls or ()}


def is_found(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=SECONDS) is not None
    except TimeoutError:
        raise SlowPatternError from None


# --- model ----------------------------------------------------------------------------------------


def request_of(params: UserModelParams, told: str, spoken: Turns, seed: int) -> ChatRequest:
    """What the model is asked: to it, the user's words are its own. It sees no call and no result,
    as a user does not.
    """
    words = [turn for turn in spoken if turn.role in ("user", "assistant") and turn.content.strip()]
    shown = [Message(role="system", content=PLAYED.format(told, LEAVES))]
    shown.append(Message(role="user", content=BEGIN))
    for turn in words:
        if turn.role == "user":
            shown.append(Message(role="assistant", content=turn.content))
        elif shown[-1].role == "user":
            both = f"{shown.pop().content}\n\n{turn.content}"
            shown.append(Message(role="user", content=both))
        else:
            shown.append(Message(role="user", content=turn.content))
    return ChatRequest(
        model=params.model,
        messages=tuple(shown),
        temperature=TEMPERATURE,
        max_tokens=MOST_TOKENS,
        seed=seed,
    )


def played(params: UserModelParams, requests: Sequence[ChatRequest]) -> list[str | None]:
    """What the users say; None: nothing any more. Raises IncumbentError as the server does."""
    return asyncio.run(replies(params, requests))


async def replies(params: UserModelParams, requests: Sequence[ChatRequest]) -> list[str | None]:
    # Imported here because the core, which lacks an HTTP client, imports what imports this module.
    from evaluation.generation.backends.chat_server import ChatServer, ask_together
    from evaluation.generation.backends.openai_server import key_in

    server = ChatServer(
        params.url,
        key=key_in(params.key_variable, f"{SECTION}.key_variable"),
        timeout=ANSWER_SECONDS,
        retries=RETRIES,
        section=SECTION,
    )
    async with server:
        given = await ask_together(server.ask, requests, CONCURRENCY)
    said = [one.reply.text.strip() for one in given]
    return [None if LEAVES in text or not text else text for text in said]
