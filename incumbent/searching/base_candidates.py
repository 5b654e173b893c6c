"""Base models that could be used here, and their ranking by what they answer."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from incumbent.searching.compare_on_dev import DifferenceOnDev
from project.errors import InputError
from project.model_pins import EMBEDDED, BaseChoice, chat_template_digest, locate, pin
from project.records.adapters import ModelPin, Numerics
from project.records.record import Record
from project.records.scores import Better
from project.settings import load
from registry.model_card import licence
from training.base import prepare
from training.model.usable_base import refuse_too_large, stored_weights
from training.precision import measure_machine

AT = re.compile(r"(?P<model>[^@]+)@(?P<revision>[^@]+)")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT = 7  # digits of a commit in a name, as git has them


@dataclass(frozen=True)
class Candidate:
    """A base that is named, and what is known of it; a problem, in words, where it cannot be."""

    choice: BaseChoice
    pin: ModelPin | None = None
    weights: int | None = None  # how many
    license: str | None = None  # None: it does not say
    problem: str | None = None

    @property
    def name(self) -> str:
        """The name with the start of its revision: two of one model are two bases."""
        if self.choice.model == EMBEDDED and self.pin:
            return self.pin.name
        model, revision = self.choice.model.rstrip("/"), self.choice.revision
        return model if revision is None else f"{model}@{short(revision)}"


def read_name(name: str) -> BaseChoice:
    """A folder, a Hub id with a revision such as org/name@COMMIT, or `embedded`."""
    parts = AT.fullmatch(name)
    if parts and not Path(name).expanduser().is_dir():
        return BaseChoice(model=parts["model"], revision=parts["revision"])
    return BaseChoice(model=name)


def refuse_twice(choices: Sequence[BaseChoice]) -> None:
    """Raise InputError where two names, however they are written, are those of one base."""
    seen = set[tuple[str, str | None]]()
    for choice in choices:
        folder, named = Path(choice.model).expanduser(), choice.model.rstrip("/")
        if choice.model != EMBEDDED and folder.is_dir():
            named = str(folder.resolve())
        if (named, choice.revision) in seen:
            raise InputError(f"{choice.model} is named twice")
        seen.add((named, choice.revision))


def short(revision: str) -> str:
    """The start of a commit, or a whole name of another kind."""
    return revision[:SHORT] if COMMIT.fullmatch(revision) else revision


def find(choice: BaseChoice, numerics: Numerics) -> Candidate:
    """Fetch a base where it is not here, and pin it. One that cannot be had or used, or whose
    weights do not fit, keeps its problem: the others are ranked without it.

    A base without a chat template is asked with the project's, where that has one.
    """
    try:
        choice = with_template(choice)
        folder = prepare(choice)
        if not measure_machine().gpu:  # beside a GPU, weights without room on it lie in memory
            refuse_too_large(folder, numerics)
    except InputError as error:
        return Candidate(choice, problem=str(error))
    pinned = pin(choice, "base")
    return Candidate(choice, pinned, stored_weights(folder), license_of(pinned, folder))


def with_template(choice: BaseChoice) -> BaseChoice:
    ours = load(BaseChoice).chat_template
    if choice.model == EMBEDDED or ours is None or chat_template_digest(locate(choice, "base")):
        return choice
    return choice.model_copy(update={"chat_template": ours})


def license_of(pinned: ModelPin, folder: Path) -> str | None:
    """The license that its package, its card or its configuration names; None where none does."""
    if pinned.model != EMBEDDED and pinned.revision:
        fetch_card(pinned.model, pinned.revision)
    told = {} if pinned.model == EMBEDDED else json.loads((folder / "config.json").read_bytes())
    named = licence(pinned) or told.get("license")
    return named if isinstance(named, str) else None


def fetch_card(model: str, revision: str) -> None:
    """A model card is no part of what is fetched of a base."""
    # Imported here because only users of the Hub pay for it.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    with suppress(HfHubHTTPError, LocalEntryNotFoundError):
        hf_hub_download(model, "README.md", revision=revision)


# --- base ranking ---------------------------------------------------------------------------------

# Bases in the order of what they score on dev, and what each would cost: records and words.


class BaseScores(Record):
    """A base, asked in one way."""

    scores: dict[str, float]  # means over dev
    against_first: dict[
        str, DifferenceOnDev
    ]  # empty for the first itself, and where it has no answers
    prompt: float  # tokens of a prompt, the mean
    answer: float  # tokens of an answer
    seconds: float | None  # of an answer
    money: float | None  # of 1,000 answers, by evaluation.prices; None: no price is set

    @property
    def tokens_per_second(self) -> float | None:
        return self.answer / self.seconds if self.seconds else None


class TrainingCost(Record):
    """What one adapter would take on this machine, by the project's settings of step `sft`."""

    minutes: float
    peak_bytes: int
    fits: bool


class RankedBase(Record):
    name: str
    model: str  # as it was named
    revision: str | None
    license: str | None
    weights: int | None  # how many; None: it cannot be had
    problem: str | None  # why it was not asked
    bare: BaseScores | None
    few_shot: BaseScores | None
    training: TrainingCost | None

    @property
    def asked(self) -> list[BaseScores]:
        return [way for way in (self.bare, self.few_shot) if way]


class BaseRanking(Record):
    bases: tuple[RankedBase, ...]  # the best first; those that were not asked last
    first: str  # the base that the others are compared with
    by: str  # the metric that ranks
    shots: int
    items: int
    clusters: int
    level: float  # of the intervals
    better: dict[str, Better]

    @property
    def asked(self) -> list[RankedBase]:
        return [base for base in self.bases if base.asked]

    @property
    def sentences(self) -> list[str]:
        """What the ranking says, and what it does not."""
        if not self.asked:
            return ["none of them could be asked"]
        best = self.asked[0]
        lines = [f"best by {self.by}: {best.name}"]
        if best.name != self.first:
            shown = [
                scores.against_first[self.by]
                for scores in best.asked
                if self.by in scores.against_first
            ]
            if not any(difference.low > 0 for difference in shown):
                lines.append(f"it is not shown to be better than {self.first}")
        lines.append("a score before training is no promise for after it: train the best two")
        return lines


def ranked(bases: Sequence[RankedBase], metric: str, better: Better) -> list[RankedBase]:
    """The bases by their better score, bare or few-shot; equal ones as they were named."""
    sign = -1 if better == "more" else 1

    def place(base: RankedBase) -> tuple[bool, float]:
        asked = [way.scores[metric] for way in base.asked]
        return not asked, min((sign * score for score in asked), default=0.0)

    return sorted(bases, key=place)
