"""A request and its answer, and what the user made of it, as the parts of the gateway see them."""

import re
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from project.canonical import digest_bytes
from project.records.adapters import AdapterVersion, Contestant
from project.records.data import EvidencePassage, Message
from project.records.record import Digest, Record
from project.records.traffic import Outcome

# --- deployment -----------------------------------------------------------------------------------

# A version on the replicas, under a name that is never used for another one.

DIGITS = 12  # of the adapter's digest in its name


class Deployment(Record):
    """What answers, as the gateway and its backends know it."""

    version: int | None  # None: the bare base
    name: str  # "family-v12-0123456789ab", as the backends load it
    contestant: Contestant

    @property
    def adapter(self) -> Digest | None:
        return self.contestant.adapter

    @property
    def label(self) -> str:
        return f"v{self.version}" if self.version else "the bare base"


def deployment_of(version: AdapterVersion) -> Deployment:
    """The name holds the adapter's digest, so that no cache of an engine can take it for another's
    (docs of vLLM: an adapter that is replaced under its name may be answered from stale caches).
    """
    files = version.adapter.files
    return Deployment(
        version=version.number,
        name=f"{version.family}-v{version.number}-{files[:DIGITS]}",
        contestant=version.adapter.contestant,
    )


def version_in(name: str, family: str) -> int | None:
    """The version that a loaded adapter's name tells; None: it is none of this family's."""
    match = re.fullmatch(rf"{re.escape(family)}-v([1-9]\d*)-[0-9a-f]{{{DIGITS}}}", name)
    return int(match[1]) if match else None


# --- exchange -------------------------------------------------------------------------------------

Arm = Literal["champion", "challenger", "shadow"]
UserDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


def digest_of_user(name: str) -> UserDigest:
    """Who it is, without the name. Names can be guessed, so that this is shown to nobody either."""
    return digest_bytes(name.encode(errors="replace"))[:32]


class Assignment(Record):
    """Who answers a request, and why."""

    deployment: Deployment
    # The running experiment that chose it: the number of the event that opened it.
    experiment: int | None = None
    arm: Arm | None = None
    shadow: Deployment | None = None  # who answers the same beside it, seen by nobody


class AnswerRef(Record):
    """An answer, as much of it as its id tells at any gateway of the project."""

    id: str  # as the caller got it
    at: str  # RFC 3339, UTC: when the request came
    version: int | None  # which answered; None: the bare base
    experiment: int | None
    arm: Arm | None
    user: UserDigest | None  # None: the request named none


class Exchange(Record):
    """One request to the gateway and its end. The texts are users' and models': untrusted."""

    id: str  # of the answer, as the caller got it
    at: str  # RFC 3339, UTC: when the request came
    caller: str  # whose key it was
    user: str | None  # as the request names it
    asked: str  # the model as the request named it, such as bank@champion
    # As they came, calls and results too, without the system prompt of the version.
    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] | None = None  # as they came: what the answer could call
    text: str  # of the answer; empty where there was an error
    assignment: Assignment
    prompt_tokens: int | None
    answer_tokens: int | None
    latency_ms: float  # to the answer's end
    first_token_ms: float | None = None  # of a streamed answer
    status: int  # 200, or the error's
    finish: str | None = None  # OpenAI's finish_reason: stop, length, tool_calls
    evidence: tuple[EvidencePassage, ...] | None = None  # the passages in the prompt, by number
    # Whether the answer, which begins a chat, told first that a machine answers.
    disclosed: bool | None = None

    @property
    def ref(self) -> AnswerRef:
        return AnswerRef(
            id=self.id,
            at=self.at,
            version=self.assignment.deployment.version,
            experiment=self.assignment.experiment,
            arm=self.assignment.arm,
            user=digest_of_user(self.user) if self.user else None,
        )


class FeedbackGiven(Record):
    """What a caller says of an earlier answer: POST /v1/feedback."""

    id: str  # of the answer
    at: str  # RFC 3339, UTC: when it came in
    caller: str
    rating: Literal[-1, 0, 1] | None = None
    outcome: Outcome | None = None
    correction: str | None = None  # it waits for a person


class Observer(Protocol):
    """Hears of all that passes. It must not wait: the gateway calls it between two requests."""

    def answered(self, exchange: Exchange) -> None: ...

    def fed_back(self, feedback: FeedbackGiven, answer: AnswerRef | None) -> None:
        """`answer` is what it is about; None: an id that no gateway of this project gave."""
        ...
