"""What people said of answers: of two which is better, or of one whether it is good."""

from typing import Annotated

from pydantic import Field

from project.canonical import digest_json
from project.records.record import LATER, Record


class PreferencePair(Record):
    """Two answers to a prompt, of which one is known to be the better."""

    prompt: str
    chosen: str
    rejected: str
    source: Annotated[str | None, LATER] = None  # the name of the file that it came from
    annotator: Annotated[str | None, LATER] = None

    @property
    def id(self) -> str:
        return digest_json([self.prompt, self.chosen, self.rejected])[:16]


class RatedAnswer(Record):
    """An answer that somebody found good, or bad: a negative example says what not to say."""

    prompt: str = Field(min_length=1)
    completion: str = Field(min_length=1)
    label: bool
    source: Annotated[str | None, LATER] = None  # the name of the file that it came from
    annotator: Annotated[str | None, LATER] = None

    @property
    def id(self) -> str:
        return digest_json([self.prompt, self.completion, self.label])[:16]
