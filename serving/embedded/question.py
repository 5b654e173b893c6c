"""A request as the engine takes it: the tokens of its prompt, and how it is to be answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from jinja2 import TemplateError

from evaluation.generation.backends.backend import Body, Endpoint
from evaluation.generation.prompt_tokens import chat_tokens
from serving.embedded.request_body import RequestBody, parse_body, refused

# What a chat template may raise for messages that it was not written for.
TEMPLATE_FAULTS = (TemplateError, TypeError, ValueError, AttributeError, LookupError)


LETTERS = 32  # of a token at most, on average over a text


@dataclass(frozen=True)
class Sampling:
    temperature: float = 0.0  # 0: the likeliest token, always
    top_p: float = 1.0  # the share of the probability that is drawn from, the likeliest first
    seed: int | None = None

    def chance(self) -> Random:
        return Random(self.seed)


@dataclass(frozen=True)
class Question:
    endpoint: Endpoint
    model: str  # as the request names it
    prompt: list[int]  # tokens
    limit: int  # tokens of the answer
    sampling: Sampling
    stops: tuple[str, ...]
    include_usage: bool  # of a stream


@dataclass(frozen=True)
class QuestionReader:
    """Reads requests for one base. Not safe for threads: tokenizers keep settings inside."""

    tokenizer: Any  # of transformers, which has no types
    context: float  # tokens of a prompt and its answer, at most
    max_tokens: int  # of an answer, where a request names no limit
    prompt_tokens: int  # of a prompt, at most

    def read(self, endpoint: Endpoint, body: Body) -> Question:
        """Raises BackendError 400."""
        asked = parse_body(body)
        self.refuse_long(text_length(body) / LETTERS, asked)  # before it is cut into tokens
        prompt = self.tokens(endpoint, asked)
        return Question(
            endpoint=endpoint,
            model=asked.model,
            prompt=prompt,
            limit=self.limit(len(prompt), asked),
            # Without a temperature it is answered as contestants are judged: greedily.
            sampling=Sampling(asked.temperature or 0.0, asked.top_p or 1.0, asked.seed),
            stops=asked.stops,
            include_usage=asked.include_usage,
        )

    def tokens(self, endpoint: Endpoint, asked: RequestBody) -> list[int]:
        tokens = self.chat(asked) if endpoint == Endpoint.CHAT else self.text(asked)
        if not tokens:
            raise refused("the prompt is empty", "prompt")
        self.refuse_long(len(tokens), asked)
        return tokens

    def refuse_long(self, tokens: float, asked: RequestBody) -> None:
        if tokens > self.prompt_tokens:
            problem = (
                f"the prompt has {tokens:,.0f} tokens or more, and {self.prompt_tokens:,} is the "
                "most here (serving.prompt_tokens)"
            )
            field = "messages" if asked.messages is not None else "prompt"
            raise refused(problem, field, "context_length_exceeded")

    def chat(self, asked: RequestBody) -> list[int]:
        if asked.messages is None:
            raise refused("messages are missing", "messages")
        messages = [message.for_template() for message in asked.messages]
        tools = None if asked.tool_choice == "none" else asked.tools
        tokens = self.templated(messages, tools or None)
        # Many templates leave tools out: the answer would look like one that needed none.
        if tools and tokens == self.templated(messages, None):
            raise refused("the chat template of the model has no place for tools", "tools")
        return tokens

    def templated(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None
    ) -> list[int]:
        try:
            return chat_tokens(self.tokenizer, messages, tools=tools, add_generation_prompt=True)
        except TEMPLATE_FAULTS as error:
            problem = f"the chat template of the model refuses these messages: {error}"
            raise refused(problem, "messages") from None

    def text(self, asked: RequestBody) -> list[int]:
        if asked.prompt is None:
            raise refused("prompt is missing", "prompt")
        text = asked.prompt if isinstance(asked.prompt, str) else asked.prompt[0]
        return list(self.tokenizer(text)["input_ids"])

    def limit(self, prompt: int, asked: RequestBody) -> int:
        """Tokens of the answer: what was asked for, else what there is room for."""
        room = self.context - prompt
        if room < (asked.limit or 1):
            problem = (
                f"the model's context is {self.context} tokens: the prompt has {prompt}, and the "
                f"answer is to have {asked.limit or 'one at least'}"
            )
            field = "messages" if asked.messages is not None else "prompt"
            raise refused(problem, field, "context_length_exceeded")
        return asked.limit or int(min(room, self.max_tokens))


def text_length(value: Any) -> int:
    """Of all texts in a request, in characters."""
    if isinstance(value, str):
        return len(value)
    inner = value.values() if isinstance(value, Mapping) else value
    return sum(map(text_length, inner)) if isinstance(value, Mapping | list) else 0
