"""What a language model as a judge is pinned by."""

from project.records.record import Digest, Record, short


class JudgePin(Record):
    """All that makes it this judge. Not where it is asked, how patiently, and with whose key."""

    model: str  # as it is asked for
    served: str | None  # the model that the server says it answered with; None: it says none
    question: Digest  # of the template, and of what is filled in for every item alike
    temperature: float | None
    max_tokens: int | None

    def __str__(self) -> str:
        served = f", served as {self.served}" if self.served not in (None, self.model) else ""
        return f"{self.model}{served}, question {short(self.question)}"
