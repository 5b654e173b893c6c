"""One answer while it is made, and the exchange that observers hear of when it has ended."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from evaluation.generation.backends.backend import Body, Endpoint, whole_characters
from project.canonical import stamp
from project.records.tool_calls import marked
from project.written_calls import schemas_of
from serving.called_tools import CallsInAnswer
from serving.exchange import Assignment, Deployment, Exchange
from serving.openai_api.caller_request import CallerRequest
from serving.openai_api.evidence_shown import ShownEvidence
from serving.openai_api.gateway import Gateway
from serving.openai_api.replicas import NoReplicaError, chunks
from serving.openai_api.request_body import ApiError
from serving.traffic_log.metrics import Served

# --- heard answer ---------------------------------------------------------------------------------

# What is heard of an answer while it passes: its text, its counts and why it ended.

MOST_TEXT = 1 << 20  # characters kept of an answer, whatever a backend sends
MOST_CALLS = 64  # likewise
MOST_TOKENS = 1 << 30  # of a prompt or an answer; no engine has as many


@dataclass
class HeardAnswer:
    """Of a chat's or a completion's first choice, whole or in chunks. A backend may send anything
    in any field.
    """

    texts: list[str] = field(default_factory=list)
    calls: list[tuple[str, list[str]]] = field(default_factory=list)  # with pieces of arguments
    length: int = 0
    finish: str | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None

    def hear(self, chunk: Mapping[str, Any]) -> None:
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self.prompt_tokens = count(usage.get("prompt_tokens"))
            self.answer_tokens = count(usage.get("completion_tokens"))
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, Mapping) and not choice.get("index"):
                self._hear_choice(choice)

    def _hear_choice(self, choice: Mapping[str, Any]) -> None:
        if isinstance(reason := choice.get("finish_reason"), str):
            self.finish = whole_characters(reason[:40])
        message = choice.get("delta") or choice.get("message")
        text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
        if text and isinstance(text, str) and self.length < MOST_TEXT:
            self.texts.append(text)
            self.length += len(text)
        calls = message.get("tool_calls") if isinstance(message, Mapping) else None
        for call in calls if isinstance(calls, list) else ():
            self._hear_call(call)

    def _hear_call(self, call: object) -> None:
        """A call that the engine read by itself, or the next piece of one."""
        made = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(call, Mapping) or not isinstance(made, Mapping):
            return
        name, told = made.get("name"), made.get("arguments")
        if isinstance(name, str) and name and len(self.calls) < MOST_CALLS:
            self.calls.append((name, []))
        if self.calls and isinstance(told, str) and self.length < MOST_TEXT:
            self.calls[-1][1].append(told)
            self.length += len(told)

    @property
    def text(self) -> str:
        """Its words and its calls, in the form of `ToolCall.text`."""
        made = [
            marked("tool_call", f'{{"name": {json.dumps(name)}, "arguments": {"".join(told)}}}')
            for name, told in self.calls
        ]
        words = "".join(self.texts)
        return whole_characters("\n".join([*([words] if words else []), *made])[:MOST_TEXT])


def count(value: object) -> int | None:
    """A count of tokens, as a backend says it: it may say anything."""
    return value if isinstance(value, int) and 0 <= value <= MOST_TOKENS else None


def is_usage_alone(chunk: Mapping[str, Any]) -> bool:
    """The last chunk of a stream, with its counts: a caller that did not ask for it gets none."""
    return bool(chunk.get("usage")) and not chunk.get("choices")


# --- answer ---------------------------------------------------------------------------------------

ADAPTER = "x-incumbent-adapter"  # the header that names what answered
# What tells a machine that a machine wrote an answer: a header as draft-abaris-aicdh-01 has it, and
# in the body IPTC's digital source type, which C2PA's manifests name too.
MARK_HEADER, MODE = "ai-disclosure", "ai-originated"
MARK_FIELD = "ai_disclosure"
MARK = {
    "mode": MODE,
    "digital_source_type": (
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    ),
}


@dataclass
class GatewayAnswer:
    """An answer to a question that was assigned to a version."""

    gateway: Gateway
    question: CallerRequest
    assignment: Assignment
    served: Served
    id: str = ""  # never a backend's or a caller's own; a shadow has that of the answer beside it
    heard: HeardAnswer = field(default_factory=HeardAnswer)
    begun: bool = False  # whether the caller got its first byte
    asked: bool = False  # whether a backend was asked for it
    shown: ShownEvidence | None = None  # the passages that it was asked with

    def __post_init__(self) -> None:
        self.at = stamp(self.gateway.clock())
        self._assign(self.assignment, self.id or self._new_id(self.assignment))

    def _assign(self, assignment: Assignment, answer_id: str) -> None:
        self.assignment, self.served.arm = assignment, assignment.arm
        self.served.name, self.served.version = self.deployment.name, self.deployment.version
        self.id = self.served.answer = answer_id

    def _new_id(self, assignment: Assignment) -> str:
        question, caller = self.question, self.served.caller
        ids = self.gateway.ids
        return ids.issue(question.endpoint, caller, self.at, assignment, question.user)

    @property
    def deployment(self) -> Deployment:
        return self.assignment.deployment

    @property
    def headers(self) -> dict[str, str]:
        name = self.deployment.name
        return {ADAPTER: name, MARK_HEADER: f'mode={MODE}, model="{name}"'}

    @property
    def disclosure(self) -> str:
        """What is said before the answer: at the beginning of a chat, where the settings do."""
        begins = self.question.endpoint is Endpoint.CHAT and not any(
            message.role == "assistant" for message in self.question.messages
        )
        return self.gateway.disclosure.text if begins else ""

    async def chunks(self, *, stream: bool) -> AsyncGenerator[Body]:
        """The chunks of a stream, or a whole answer as the only one, under our names."""
        self.asked = True
        asked = self.question
        calls = None
        if asked.tools:
            calls = CallsInAnswer(asked.several_calls, schemas_of(asked.fields["tools"]))
        while True:
            self.shown = await self._evidence()
            try:
                async with aclosing(self._asked(stream)) as answering:
                    async for chunk in answering:
                        self._hear(chunk)
                        for told in calls.told(chunk, stream=stream) if calls else (chunk,):
                            yield self._named(told)
                for told in calls.end() if calls else ():
                    yield self._named(told)
                return
            except NoReplicaError:
                if not self._falls_back():
                    raise

    def _asked(self, stream: bool) -> AsyncGenerator[Body]:
        gateway, question = self.gateway, self.question
        return chunks(gateway, self.deployment, question, self.served, self.shown, stream=stream)

    async def _evidence(self) -> ShownEvidence | None:
        """The passages that the question is asked with. Raises ApiError."""
        gateway, asked = self.gateway, self.question.asked
        if self.question.endpoint is not Endpoint.CHAT:
            if asked.incumbent:
                problem = "`incumbent`: passages are shown beside a chat's messages alone."
                raise ApiError(400, problem, param="incumbent")
            return None
        usual = min(gateway.decoding.max_new_tokens, gateway.params.max_tokens)
        room = asked.max_completion_tokens or asked.max_tokens or usual
        contestant, messages = self.deployment.contestant, self.question.messages
        return await gateway.evidence.shown(contestant, messages, asked.incumbent, room)

    def _falls_back(self) -> bool:
        """Let the champion answer where an experiment's challenger is away. The answer counts in
        the arm that the user was assigned to (intention to treat).
        """
        champion = self.gateway.table.champion
        if self.assignment.arm != "challenger" or champion in (None, self.deployment):
            return False
        assignment = self.assignment.model_copy(update={"deployment": champion})
        self._assign(assignment, self._new_id(assignment))
        return True

    def _hear(self, chunk: Body) -> None:
        self.heard.hear(chunk)
        if self.served.first_token_ms is None and self.heard.length and self.served.streamed:
            self.served.first_token_ms = self.served.elapsed_ms

    def _named(self, chunk: Body) -> Body:
        named = {**chunk, "id": self.id, "model": self.deployment.name}
        if self.begun:  # of a stream the first chunk says the rest
            return named
        if self.shown is not None:
            named["incumbent"] = self.shown.body()
        named[MARK_FIELD] = MARK
        if self.disclosure:
            named["choices"] = told_first(chunk.get("choices"), self.disclosure)
        return named

    def end(self, status: int) -> None:
        """Tell the observers, whatever the end was; of no answer that no backend was asked for."""
        served, heard = self.served, self.heard
        served.prompt_tokens, served.answer_tokens = heard.prompt_tokens, heard.answer_tokens
        served.finish = heard.finish
        if not self.asked:
            return
        self.gateway.answered(self.exchange(status))

    def exchange(self, status: int) -> Exchange:
        return Exchange(
            id=self.id,
            at=self.at,
            caller=self.served.caller,
            user=self.question.user,
            asked=self.question.model,
            messages=self.question.turns,
            tools=self.question.fields.get("tools") if self.question.tools else None,
            text=self.heard.text if status == 200 else "",
            assignment=self.assignment,
            prompt_tokens=self.heard.prompt_tokens,
            answer_tokens=self.heard.answer_tokens,
            latency_ms=self.served.elapsed_ms,
            first_token_ms=self.served.first_token_ms,
            status=status,
            finish=self.heard.finish,
            evidence=self.shown.evidence if self.shown else None,
            disclosed=True if self.disclosure else None,
        )


def told_first(choices: object, text: str) -> object:
    """The choices of a whole chat or of a stream's first chunk, with the disclosure before each. A
    backend may send anything in any field.
    """
    if not isinstance(choices, list):
        return choices
    told = []
    for choice in choices:
        key = "delta" if isinstance(choice, Mapping) and "delta" in choice else "message"
        message = choice.get(key) if isinstance(choice, Mapping) else None
        if isinstance(message, Mapping):
            content = message.get("content") or ""
            choice = {**choice, key: {**message, "content": f"{text}\n\n{content}"}}
        told.append(choice)
    return told
