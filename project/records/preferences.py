"""What people said of answers, and how far a source of preference can be trusted."""

from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar, get_args

from pydantic import Field

from project.canonical import digest_json
from project.errors import InputError
from project.records.data import EvidencePassage, Message, evidence_digest
from project.records.record import LATER, Digest, Record, read_input, read_object, short
from project.records.tool_calls import OfferedTools

# How it is known which answer is good: people voted, a person corrected an answer, a file says it
# of two answers or of one, or a judge that is a model chose.
PreferenceOrigin = Literal[
    "ballot", "correction", "pair", "negative example", "good answer", "judge"
]
ORIGINS: tuple[PreferenceOrigin, ...] = get_args(PreferenceOrigin)


class PreferencePair(Record):
    """Two answers to a prompt, of which one is known to be the better. Calls of tools are texts, as
    `ToolCall.text` writes them.
    """

    prompt: str
    chosen: str
    rejected: str
    # The name of the file that it came from; of what a judge chose, the judge.
    source: Annotated[str | None, LATER] = None
    annotator: Annotated[str | None, LATER] = None
    # Of what DPO and KTO learn from. A judge's own choices never calibrate or teach a judge.
    origin: Annotated[PreferenceOrigin | None, LATER] = None
    # The prompt's turns, where it is more than one of the user's.
    messages: Annotated[tuple[Message, ...] | None, LATER] = None
    evidence: Annotated[tuple[EvidencePassage, ...] | None, LATER] = None  # as of a row
    answerable: Annotated[bool | None, LATER] = None  # as of a row
    tools: OfferedTools = None  # as of a row

    @property
    def id(self) -> str:
        return digest_json([self.prompt, self.chosen, self.rejected, *shown_with(self)])[:16]


class RatedAnswer(Record):
    """An answer that somebody found good, or bad: a negative example says what not to say."""

    prompt: str = Field(min_length=1)
    completion: str = Field(min_length=1)
    label: bool
    source: Annotated[str | None, LATER] = None  # the name of the file that it came from
    annotator: Annotated[str | None, LATER] = None
    # As for a pair.
    origin: Annotated[PreferenceOrigin | None, LATER] = None
    messages: Annotated[tuple[Message, ...] | None, LATER] = None
    evidence: Annotated[tuple[EvidencePassage, ...] | None, LATER] = None  # as of a row
    answerable: Annotated[bool | None, LATER] = None  # as of a row
    tools: OfferedTools = None  # as of a row

    @property
    def id(self) -> str:
        return digest_json([self.prompt, self.completion, self.label, *shown_with(self)])[:16]


Preference = PreferencePair | RatedAnswer


def shown_with(preference: Preference) -> list[str]:
    """What tells answers on some passages, or with some tools, from answers on others; nothing
    where there are none.
    """
    passages = [evidence_digest(preference.evidence)] if preference.evidence else []
    return [*passages, *([digest_json(preference.tools)] if preference.tools else [])]


def by_judge(preference: Preference) -> bool:
    """Whether a model chose, and no person."""
    return preference.origin == "judge"


def read_preferences(path: Path) -> tuple[Preference, ...]:
    """The pairs and rated answers of a JSON Lines file, blank lines aside, told apart by their
    fields. Raises InputError naming file, line and field.
    """
    lines = enumerate(read_input(path).splitlines(), start=1)
    return tuple(preference(line, path, number) for number, line in lines if line.strip())


def preference(line: bytes, path: Path, number: int) -> Preference:
    rated = {"completion", "label"} & read_object(line, path, number).keys()
    kind = RatedAnswer if rated else PreferencePair
    return kind.parse(line, path, number)


# --- items ----------------------------------------------------------------------------------------

# Items of a folder: a record a line in JSON Lines files, each with an id of its own.


class Item(Record):
    id: str = Field(min_length=1)


ItemT = TypeVar("ItemT", bound=Item)


class FileLine(NamedTuple):
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def read_items(folder: Path, kind: type[ItemT]) -> Iterator[tuple[ItemT, FileLine]]:
    """Read every *.jsonl of a folder, files by name; none where there is no folder.

    Raises InputError naming file, line and field, also for an id that was there before.
    """
    seen: dict[str, FileLine] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(read_input(path).splitlines(), start=1):
            if line.strip():
                item, place = kind.parse(line, path, number), FileLine(path, number)
                if (first := seen.setdefault(item.id, place)) != place:
                    problem = f"{item.id!r} is at {first} already"
                    raise InputError(problem, file=path, line=number, field="id")
                yield item, place


# --- judges ---------------------------------------------------------------------------------------

# What a language model as a judge is pinned by.


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


# --- calibration ----------------------------------------------------------------------------------

# How far a source of preference can be trusted, and how far a judge's rubrics.

BALLOTS = "ballots"  # the source of preference that people are
LEAST_TUNED, TUNED_NEEDED = 20, 0.7  # dev items, and the share of them that a judge must see
LARGE_WOBBLE = 0.1  # the share of changed verdicts from which on a judge is called unsteady


class Hits(Record):
    """The share of so many pairs on which a judge is right."""

    n: int
    accuracy: float


class PairSource(Record):
    """What the folder of stage `reward` is for. With the settings it decides what is preferred,
    whatever the last bits of answers and weights are on another kind of machine.
    """

    source: str
    made_of: Digest | None = None  # of all that the reward model is made of; None: there is none
    advisory: Annotated[bool | None, LATER] = None  # True: no promotion may rest on it


class Calibration(Record):
    """How well a source of preference agrees with pairs that it was not trained on.

    Ties count half in every accuracy. What could not be measured is None: so are the lengths for
    ballots, whose reviewers are compared with one another.
    """

    source: str
    n: int = Field(ge=0)  # pairs judged
    unjudged: int = Field(ge=0)
    accuracy: float | None  # None: no pair was judged
    kappa: float | None  # Cohen's, with a tie as a label of its own
    first_rate: float | None  # how often the answer shown first was preferred, a tie counting half
    longer_accuracy: float | None  # what "pick the longer" reaches on the same pairs
    shorter_accuracy: float | None
    matched_n: int = Field(ge=0)  # judged pairs of nearly equal length
    matched_accuracy: float | None
    matched_longer: float | None
    matched_shorter: float | None
    # Of ballots, at how many an item closes. None: it never does, as every ballot counts.
    votes: Annotated[int | None, LATER] = None
    # Of a language model: which one it is, how it was served, and of how many questions that it was
    # asked twice the verdict changed.
    judge: Annotated[JudgePin | None, LATER] = None
    fingerprints: Annotated[tuple[str, ...] | None, LATER] = None
    wobble: Annotated[float | None, LATER] = None
    wobble_n: Annotated[int | None, LATER] = None
    # Of what a judge rates each answer alone in: right is whoever rates the better answer higher.
    rubrics: Annotated[dict[str, "Calibration"] | None, LATER] = None
    # A rival that was taught nothing but knows content: whichever answer lies nearer to its prompt,
    # by the embedder's cosine. On all pairs, and on those of like length.
    cosine_accuracy: Annotated[float | None, LATER] = None
    matched_cosine: Annotated[float | None, LATER] = None
    # True: people vote beside it on the sealed items, where its faults cost votes and no more.
    people: Annotated[bool | None, LATER] = None
    # By what the worse answer of a pair is: another row's, one with a wrong fact, …
    kinds: Annotated[dict[str, Hits] | None, LATER] = None
    # Dev items on which one of two tuned adapters clearly keeps more of the reference, which the
    # judge does not see: how often it takes that one's side, as the mean of where the challenger
    # leads and where the champion does. None: one of the two is not tuned, or leads on too few.
    tuned: Annotated[Hits | None, LATER] = None

    @property
    def judges(self) -> tuple[JudgePin, ...]:
        """The language models that were calibrated: for the preference, then for each rubric."""
        rubrics = [calibration.judge for _, calibration in sorted((self.rubrics or {}).items())]
        return tuple(pin for pin in (self.judge, *rubrics) if pin)

    @property
    def unsteady(self) -> str | None:
        """What a judge's change of mind means where it is large; None where it is not."""
        if self.wobble is None or self.wobble <= LARGE_WOBBLE:
            return None
        return (
            f"{self.source} changed its verdict on {self.wobble:.0%} of {self.wobble_n} questions "
            "that it was asked twice: so much of what it says is noise, which hides differences; "
            "set its temperature to 0, or take a steadier model"
        )

    @property
    def nobody_voted(self) -> bool:
        """Whether people's votes are to decide and there is none."""
        return self.source == BALLOTS and not self.n + self.unjudged

    @property
    def advisory(self) -> str | None:
        """Why no promotion may rest on the source; None when it beats length and chance."""
        if self.nobody_voted:
            return "nobody has voted yet"
        if self.accuracy is None and self.source == BALLOTS:
            return "no vote could be held against another person's on the same item"
        if self.accuracy is None:
            return f"no held-out pair tells how good {self.source} is"
        if self.longer_accuracy is None:
            return self.beaten_by_chance(self.accuracy, self.n, "held-out pairs")
        if self.matched_accuracy is None:
            return f"no held-out pair of like length tells what {self.source} goes by"
        return (
            self.beaten_by_length
            or self.beaten_by_chance(self.matched_accuracy, self.matched_n, "pairs of like length")
            or self.blind_to_tuned
        )

    @property
    def blind_to_tuned(self) -> str | None:
        """What says that it cannot tell two tuned adapters apart, where enough items show it."""
        if self.tuned is None or self.tuned.n < LEAST_TUNED or self.tuned.accuracy >= TUNED_NEEDED:
            return None
        return (
            f"on {self.tuned.n} dev items one of the two tuned adapters clearly keeps more of the "
            f"reference, and {self.source} takes its side on {self.tuned.accuracy:.0%} of "
            f"them, both adapters counting alike; {TUNED_NEEDED:.0%} are needed"
        )

    @property
    def beaten_by_length(self) -> str | None:
        for pairs, accuracy, longer, shorter in (
            ("held-out pairs", self.accuracy, self.longer_accuracy, self.shorter_accuracy),
            (
                "those of like length",
                self.matched_accuracy,
                self.matched_longer,
                self.matched_shorter,
            ),
        ):
            for name, rival in (("longer", longer), ("shorter", shorter)):
                if accuracy is not None and rival is not None and accuracy <= rival:
                    return (
                        f"{self.source} is right on {accuracy:.0%} of the {pairs}, picking the "
                        f"{name} answer on {rival:.0%}"
                    )
        return None

    def beaten_by_chance(self, p: float, n: int, pairs: str) -> str | None:
        """By Wilson's (1927) one-sided 95 % lower bound of an accuracy p on n pairs."""
        lower = wilson_lower(p, n)
        if lower > 0.5:
            return None
        return (
            f"{self.source} is right on {p:.0%} of {n} {pairs}, where a coin may be as good: 95 % "
            f"sure is only {lower:.0%}"
        )

    def __str__(self) -> str:
        if self.accuracy is None:
            return f"{self.source}: not calibrated"
        return f"{self.source}: {self.accuracy:.0%} of {self.n} held-out pairs"


def wilson_lower(p: float, n: int) -> float:
    """Wilson's (1927) one-sided 95 % lower bound of a share p of n."""
    z = 1.6448536269514722  # the 95 % point of the normal distribution
    centre, spread = p + z**2 / (2 * n), z * sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    return (centre - spread) / (1 + z**2 / n)
