"""The passages that a question at the gateway is asked with: the caller's own, or those found."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from evaluation.generation.retrieved_passages import index_folder
from project.errors import IncumbentError
from project.records.adapters import Contestant
from project.records.data import EvidencePassage, Message
from project.records.record import Digest, Record
from project.shown_passages import LONGEST, filled, question_of
from retrieval.embedder import Embedder
from retrieval.retriever import OpenIndex, PromptRoom, read_index
from serving.openai_api.request_body import ApiError

log = logging.getLogger(__name__)
MOST_PASSAGES = 64  # of a request

# --- request --------------------------------------------------------------------------------------


def as_passages(value: object) -> object:
    """A text may stand for a passage, which its number names then."""
    if not isinstance(value, list):
        raise ValueError("a list of passages, each a text or an object with `text`")
    if len(value) > MOST_PASSAGES:
        raise ValueError(f"{MOST_PASSAGES} passages at most")
    return [
        {"id": str(number), "text": passage} if isinstance(passage, str) else passage
        for number, passage in enumerate(value, start=1)
    ]


class OwnPassage(EvidencePassage):
    text: str = Field(min_length=1, max_length=LONGEST)


class OwnFields(Record):
    """What of a request is neither OpenAI's nor an engine's: its field `incumbent`."""

    # Passages that the caller found: nothing is retrieved then, also where there are none.
    evidence: Annotated[tuple[OwnPassage, ...], BeforeValidator(as_passages)]


# --- shown ----------------------------------------------------------------------------------------


class ShownEvidence(Record):
    """The passages in a prompt, by whose numbers its answer cites, and those with no room in it."""

    evidence: tuple[EvidencePassage, ...] = ()
    left_out: tuple[EvidencePassage, ...] = ()

    def body(self) -> dict[str, Any]:
        """As the response names them, in its field `incumbent`."""
        named = [passage.model_dump(mode="json", exclude_none=True) for passage in self.evidence]
        left_out = [passage.id for passage in self.left_out]
        return {"evidence": named, **({"left_out": left_out} if left_out else {})}


@dataclass
class EvidenceSource:
    """One gateway's. An index is opened once, and found in by a thread at a time."""

    retrieves: bool = False
    folder_of: Callable[[Digest], Path] = index_folder
    indexes: dict[Digest, OpenIndex] = field(default_factory=dict)
    opening: Lock = field(default_factory=Lock)
    finding: Lock = field(default_factory=Lock)

    def prepare(self, contestant: Contestant) -> None:
        """Open a version's index before traffic goes to it. Raises IncumbentError."""
        if (digest := self.index_of(contestant)) is not None:
            self.opened(digest)

    def index_of(self, contestant: Contestant) -> Digest | None:
        return contestant.index if self.retrieves and contestant.evidence_template else None

    async def shown(
        self,
        contestant: Contestant,
        messages: Sequence[Message],
        fields: OwnFields | None,
        room: int,
    ) -> ShownEvidence | None:
        """What a question is asked with, beside an answer of at most `room` tokens; None: it is
        asked as it came. Raises ApiError.
        """
        if fields is None and (self.index_of(contestant) is None or not question_of(messages)):
            return None
        if fields is not None:
            name = "incumbent.evidence"
            if contestant.evidence_template is None:
                why = "what answers was made to be shown no passages"
                problem = f"`{name}`: {why} (base.evidence_template is null)."
                raise ApiError(400, problem, param=name)
            if not question_of(messages):
                problem = f"`{name}`: there is no message of a user beside it."
                raise ApiError(400, problem, param=name)
        return await asyncio.to_thread(self.found, contestant, messages, fields, room)

    def found(
        self,
        contestant: Contestant,
        messages: Sequence[Message],
        fields: OwnFields | None,
        room: int,
    ) -> ShownEvidence:
        passages = fields.evidence if fields else self.retrieved(contestant, question_of(messages))
        kept = PromptRoom(contestant).first_that_fit(messages, passages, room)
        return ShownEvidence(evidence=tuple(kept), left_out=tuple(passages[len(kept) :]))

    def retrieved(self, contestant: Contestant, question: str) -> Sequence[EvidencePassage]:
        digest = self.index_of(contestant)
        assert digest is not None, "it was asked before"
        try:
            index = self.opened(digest)
            with self.finding:
                return index.passages_for(question)
        except (IncumbentError, OSError) as error:
            log.error("no passage can be found: %s", error)
            problem = "No passage can be found here now: the version's index cannot be read."
            raise ApiError(503, problem, code="no_index") from error

    def opened(self, digest: Digest) -> OpenIndex:
        """Questions of another version do not wait for it."""
        if digest not in self.indexes:
            with self.opening:
                if digest not in self.indexes:
                    index = read_index(self.folder_of(digest), digest, Embedder)
                    index.passages_for("")  # so that the first question waits for no embedder
                    self.indexes[digest] = index
        return self.indexes[digest]


def with_evidence(
    messages: Sequence[dict[str, Any]], template: str, passages: Sequence[EvidencePassage]
) -> list[dict[str, Any]]:
    """The messages, the user's last one among passages by the template."""
    last = max(i for i, turn in enumerate(messages) if turn["role"] == "user")
    content = messages[last].get("content")
    parts = content if isinstance(content, list) else []
    question = "\n".join(part["text"] for part in parts) if parts else content or ""
    asked = {**messages[last], "content": filled(template, passages, question)}
    return [*messages[:last], asked, *messages[last + 1 :]]
