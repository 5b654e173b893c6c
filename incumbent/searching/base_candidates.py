"""Base models that could be used here, and their ranking by what they answer."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

import numpy as np
import yaml

from evaluation.decision.statistics import bounds, paired
from project.errors import InputError
from project.model_pins import (
    EMBEDDED,
    EMBEDDED_PACKAGE,
    BaseChoice,
    chat_template_digest,
    locate,
    pin,
)
from project.records.adapters import ModelPin, Numerics
from project.records.record import Record
from project.records.scores import Better
from project.settings import load
from training.base import prepare
from training.model.usable_base import refuse_too_large, stored_weights
from training.precision import measure_machine

AT = re.compile(r"(?P<model>[^@]+)@(?P<revision>[^@]+)")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT = 7  # digits of a commit in a name, as git has them
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*$", re.DOTALL | re.MULTILINE)


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
    return Candidate(
        choice, pin(choice, "base"), stored_weights(folder), license_of(choice, folder)
    )


def with_template(choice: BaseChoice) -> BaseChoice:
    ours = load(BaseChoice).chat_template
    if choice.model == EMBEDDED or ours is None or chat_template_digest(locate(choice, "base")):
        return choice
    return choice.model_copy(update={"chat_template": ours})


def license_of(choice: BaseChoice, folder: Path) -> str | None:
    """The license that its package, its README or its configuration names; None where none does."""
    if choice.model == EMBEDDED:
        told = metadata(EMBEDDED_PACKAGE["base"]).json
        named = told.get("license_expression") or told.get("license")
        return str(named) if named else None
    card = folder / "README.md" if choice.revision is None else card_on_hub(choice)
    return license_in_readme(card) or license_in_config(folder / "config.json")


def card_on_hub(choice: BaseChoice) -> Path:
    """A model card is no part of what is fetched of a base. Without one: no such file."""
    # Imported here because only users of the Hub pay for it.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(choice.model, "README.md", revision=choice.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError):
        return Path(choice.model) / "README.md"


def license_in_readme(file: Path) -> str | None:
    """What the head of a model card says: `license`, or `license_name` where that is "other"."""
    text = file.read_text(errors="replace") if file.is_file() else ""
    head = FRONT_MATTER.match(text)
    try:
        told = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return None
    if not isinstance(told, dict):
        return None
    named = told.get("license")
    named = told.get("license_name", named) if named == "other" else named
    return named if isinstance(named, str) else None


def license_in_config(file: Path) -> str | None:
    told = json.loads(file.read_bytes()) if file.is_file() else {}
    named = told.get("license")
    return named if isinstance(named, str) else None


# --- base ranking ---------------------------------------------------------------------------------

# Bases in the order of what they score on dev, and what each would cost: records and words.


class BaseDifference(Record):
    """A difference to the first base that was named; above 0 is better."""

    diff: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.diff:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


class BaseScores(Record):
    """A base, asked in one way."""

    scores: dict[str, float]  # means over dev
    against_first: dict[
        str, BaseDifference
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
        return [one for one in (self.bare, self.few_shot) if one]


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
        return [one for one in self.bases if one.asked]


def ranked(bases: Sequence[RankedBase], metric: str, better: Better) -> list[RankedBase]:
    """The bases by their better score, bare or few-shot; equal ones as they were named."""
    sign = -1 if better == "more" else 1

    def place(base: RankedBase) -> tuple[bool, float]:
        asked = [one.scores[metric] for one in base.asked]
        return not asked, min((sign * score for score in asked), default=0.0)

    return sorted(bases, key=place)


def against(
    first: Mapping[str, Sequence[float]],
    other: Mapping[str, Sequence[float]],
    groups: Sequence[str],
    better: Mapping[str, Better],
    alpha: float,
) -> dict[str, BaseDifference]:
    """Differences in each metric that has a better way, with one-sided bounds on both sides."""
    found = {}
    for name, values in other.items():
        if (way := better.get(name, "neither")) == "neither" or name not in first:
            continue
        sign = -1 if way == "less" else 1
        apart = paired(sign * (np.array(values) - np.array(first[name])), groups)
        low, high = bounds(apart.diff, apart.se, apart.df, alpha)
        found[name] = BaseDifference(diff=apart.diff, low=low, high=high)
    return found


def sentences(found: BaseRanking) -> list[str]:
    """What the ranking says, and what it does not."""
    if not found.asked:
        return ["none of them could be asked"]
    best = found.asked[0]
    lines = [f"best by {found.by}: {best.name}"]
    if best.name != found.first:
        shown = [one.against_first[found.by] for one in best.asked if found.by in one.against_first]
        if not any(one.low > 0 for one in shown):
            lines.append(f"it is not shown to be better than {found.first}")
    lines.append("a score before training is no promise for after it: train the best two")
    return lines
