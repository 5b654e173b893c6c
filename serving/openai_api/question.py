"""What a caller asks, checked, and as the backend gets it."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import Endpoint
from project.records.data import Message
from project.system_prompt import under
from project.untrusted_input import shortened
from serving.callers.api_error import ApiError
from serving.deployment import Deployment
from serving.openai_api.asked import (
    MOST_ANSWERS,
    ROLES,
    Asked,
    AskedChat,
    AskedCompletion,
    Turn,
)
from serving.openai_api.json_body import json_object
from serving.openai_api.passed_fields import Engine, refuse_others

# Of the gateway alone: a backend gets none of them.
OURS = ("model", "user", "safety_identifier", "metadata", "store", "stream", "stream_options")
LENGTHS = ("max_tokens", "max_completion_tokens", "n")  # every engine does these


@dataclass(frozen=True)
class Question:
    """A request that may be answered."""

    endpoint: Endpoint
    fields: dict[str, Any]  # as they came
    asked: Asked

    @property
    def model(self) -> str:
        return self.asked.model

    @property
    def stream(self) -> bool:
        return bool(self.asked.stream)

    @property
    def shows_usage(self) -> bool:
        """Whether the caller wants the chunk with the counts of a stream's tokens."""
        return bool(self.asked.stream_options and self.asked.stream_options.include_usage)

    @property
    def user(self) -> str | None:
        return self.asked.user or self.asked.safety_identifier or None

    @property
    def messages(self) -> tuple[Message, ...]:
        if isinstance(self.asked, AskedChat):
            return tuple(turn.message for turn in self.asked.messages)
        prompt = self.fields["prompt"]
        return tuple(Message(role="user", content=text) for text in texts_of(prompt))

    def body_for(
        self, deployment: Deployment, decoding: Decoding, most: int, *, stream: bool
    ) -> dict[str, Any]:
        """The request as a backend gets it: what was judged, where the caller chose nothing."""
        body = {name: value for name, value in self.fields.items() if name not in OURS}
        if self.endpoint is Endpoint.COMPLETIONS:  # OpenAI has this name for chats alone
            newer = body.pop("max_completion_tokens", None)
            body["max_tokens"] = body.get("max_tokens") or newer
        body["model"] = deployment.name
        if body.get("temperature") is None:
            body["temperature"] = decoding.temperature
        if body.get("max_tokens") is None and body.get("max_completion_tokens") is None:
            body["max_tokens"] = min(decoding.max_new_tokens, most)
        if self.endpoint is Endpoint.CHAT:
            prompt = deployment.contestant.system_prompt
            body["messages"] = with_system_prompt(prompt, self.fields["messages"])
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


def read_question(body: bytes, endpoint: Endpoint, most_tokens: int, engine: Engine) -> Question:
    """Raises ApiError, naming the field, for what cannot be answered."""
    fields = json_object(body)
    model = AskedChat if endpoint is Endpoint.CHAT else AskedCompletion
    try:
        asked = model.model_validate(fields)
    except ValidationError as error:
        raise invalid(error) from None
    said = "messages" if endpoint is Endpoint.CHAT else "prompt"
    refuse_others(fields, (said, *OURS, *LENGTHS), engine, endpoint)
    refuse_too_much(asked, most_tokens)
    return Question(endpoint, fields, asked)


def invalid(error: ValidationError) -> ApiError:
    found = error.errors(include_url=False, include_input=False)
    # Of a union the member that was meant: the fault is deepest in it. Of parts of a content, say,
    # that one is of another type, and not that all of it is no text.
    first = max(found, key=lambda one: len(one["loc"]))
    # pydantic's tags of a union's members ("list[Part]") are no fields.
    steps = [str(step) for step in first["loc"] if str(step).replace("_", "").isalnum()]
    field = shortened(".".join(step for step in steps if step not in ("str", "list")))
    return ApiError(400, f"`{field}`: {first['msg'].removeprefix('Value error, ')}.", param=field)


def refuse_too_much(asked: Asked, most: int) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        if (getattr(asked, name) or 0) > most:
            raise ApiError(400, f"`{name}` may be {most:,} at most here.", param=name)
    prompts = asked.prompts if isinstance(asked, AskedCompletion) else 1
    if prompts * max(asked.n or 1, asked.best_of or 1) > MOST_ANSWERS:
        raise ApiError(400, f"At most {MOST_ANSWERS} answers to one request.", param="n")


def texts_of(prompt: object) -> list[str]:
    """The texts of a prompt; tokens have none."""
    found = prompt if isinstance(prompt, list) else [prompt]
    return [text for text in found if isinstance(text, str)]


def with_system_prompt(
    system_prompt: str | None, messages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The messages under a version's system prompt. Other fields of theirs stay as they are."""
    turns = [{**turn, "role": ROLES.get(turn["role"], turn["role"])} for turn in messages]
    if system_prompt is None:
        return turns
    own = [Turn.model_validate(turn).message for turn in turns if turn["role"] == "system"]
    first = under(system_prompt, own)[0]
    others = [turn for turn in turns if turn["role"] != "system"]
    return [first.model_dump(), *others]
