"""Candidates of a search, and how fast they are measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from curation.curation_settings import CurateParams
from evaluation.evaluation_settings import Decoding
from incumbent.planning.run_cost import answer_seconds
from incumbent.planning.workload import AnsweringWork, length, mean, sft
from project.canonical import digest_folder, digest_json
from project.errors import InputError
from project.model_pins import BaseChoice
from project.paths import CURATED, DATASET, NUMERICS, TOKENS, rows_of
from project.records.adapters import Numerics
from project.records.data import ACCEPTED, DatasetVersion, Row, Split, TokenCount
from project.settings import PARAMS, load
from training.cost.base_shape import BaseShape, shape_of
from training.cost.machines import Computing, Speed, this_machine
from training.cost.memory import StepSetup, StepWork
from training.cost.step_estimate import step_seconds
from training.training_settings import AdapterParams, SftParams

# --- candidates -----------------------------------------------------------------------------------

# The training rows that may be selected, those that stay in any case, and random draws.


@dataclass(frozen=True)
class Candidates:
    rows: tuple[Row, ...]  # that are ranked
    kept: tuple[Row, ...]  # rehearsed rows, and those that people accepted: trained on in any case
    counts: dict[str, TokenCount]  # by the row's id
    dataset: DatasetVersion

    def answer_tokens(self) -> list[int]:
        return [self.counts[row.id].completion for row in self.rows]


def read_candidates() -> Candidates:
    """Of the curated dataset as the last run left it; eval items are not read.

    Raises InputError where it is not there, not the one that the gate let through, or a selection
    already: its rows cannot say what was left out.
    """
    if load(CurateParams).selection:
        problem = "the training rows are a selection: take this line out, and run `dvc repro` first"
        raise InputError(problem, file=PARAMS, field="curation.curate.selection")
    return read_training_rows()


def read_training_rows(limit: int | None = None) -> Candidates:
    """The same, a selection or not: the first ones up to a limit, as training takes them."""
    params, dataset = load(CurateParams), gated_dataset()
    rows = Row.read_lines(rows_of(Split.TRAIN))[:limit]
    aside = {*params.train_only, ACCEPTED}
    return Candidates(
        rows=tuple(row for row in rows if row.source not in aside),
        kept=tuple(row for row in rows if row.source in aside),
        counts={count.row: count for count in TokenCount.read_lines(TOKENS)},
        dataset=dataset,
    )


def gated_dataset() -> DatasetVersion:
    """Raises InputError where there is none, or the curated rows are not those of the gate."""
    if not DATASET.exists():
        raise InputError("nothing is curated yet: run `dvc repro` first", file=DATASET)
    dataset = DatasetVersion.read(DATASET)
    if digest_folder(CURATED) != dataset.rows:
        raise InputError("is about other rows: run `dvc repro` first", file=DATASET)
    return dataset


def draw_rows(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """Draw so many of the rows at random, as a function of their ids and the seed."""
    return sorted(rows, key=lambda row: digest_json(["drawn", seed, row.id]))[:count]


# --- estimate -------------------------------------------------------------------------------------

# How many minutes a selection and its comparison will take, before they begin.

NO_PROMPT = 10  # tokens that a chat template puts before an answer to an empty question


def estimate(candidates: Candidates, count: int, adapters: int) -> float | None:
    """Minutes of reading all, and of so many adapters on as many rows, with their answers to dev;
    None where it is not known how fast this machine is.
    """
    speed = pace(Numerics.read(NUMERICS))
    if speed is None:
        return None
    learnt = [*candidates.kept, *spread(candidates, count)]
    learning = speed.learning(learnt, load_sft_settings())
    answering = speed.answering(Row.read_lines(rows_of(Split.DEV)))
    reading = speed.reading_tokens(twice_read(candidates))
    return reading + adapters * (learning + answering + LOADING)


def spread(candidates: Candidates, count: int) -> list[Row]:
    """So many of the rows, evenly taken by their lengths."""
    counts = candidates.counts
    ordered = sorted(candidates.rows, key=lambda row: length(counts[row.id]))
    return [ordered[i * len(ordered) // count] for i in range(count)]


def twice_read(candidates: Candidates) -> int:
    """Tokens of each row with its prompt, and of its answer again without."""
    counts = [candidates.counts[row.id] for row in candidates.rows]
    return sum(length(count) + count.completion + NO_PROMPT for count in counts)


# --- sft settings ---------------------------------------------------------------------------------

# The settings of an adapter that learns training rows in one step, `sft`.


@dataclass(frozen=True)
class SftSettings:
    adapter: AdapterParams
    sft: SftParams

    def seeded(self, more: int) -> Self:
        """The same with another seed of training."""
        seed = self.adapter.seed + more
        return replace(self, adapter=self.adapter.model_copy(update={"seed": seed}))


def load_sft_settings() -> SftSettings:
    """The project's. Raises InputError where it leaves the step `sft` out."""
    settings = SftSettings(adapter=load(AdapterParams), sft=load(SftParams))
    if not settings.sft.epochs:
        problem = "is 0, so there is no step `sft` to train: give it a number above 0"
        raise InputError(problem, file=PARAMS, field="training.sft.epochs")
    return settings


# --- pace -----------------------------------------------------------------------------------------

LOADING = 0.25  # minutes of an adapter in which programs and models are loaded


@dataclass(frozen=True)
class Pace:
    """How fast this machine trains and answers with a base; all in minutes."""

    shape: BaseShape
    on: Computing
    speed: Speed
    counts: dict[str, TokenCount]  # of rows, as stage `curate` counted

    def learning(self, rows: Sequence[Row], settings: SftSettings) -> float:
        work = self.work(rows, settings)
        return step_seconds(self.setup(settings, work), self.speed, work) / 60

    def reading(self, rows: Sequence[Row]) -> float:
        """The minutes that prompts and references take to read."""
        return self.reading_tokens(sum(map(length, self.known(rows))))

    def reading_tokens(self, tokens: float) -> float:
        return tokens * 2 * self.shape.weights * self.speed.operation / 60

    def answering(self, rows: Sequence[Row], decoding: Decoding | None = None) -> float:
        """The minutes of answers as long as references, whose likelihood is asked for too."""
        asked, counts = decoding or load(Decoding), self.known(rows)
        answers = AnsweringWork(
            system="",
            rows="",
            count=len(counts),
            alike=0.0,
            prompt=mean(count.prompt for count in counts),
            answer=mean(min(count.completion, asked.max_new_tokens) for count in counts),
            reference=mean(count.completion for count in counts),
            adapter=True,
        )
        r = load(AdapterParams).r
        return answer_seconds(self.shape, self.speed, answers, asked.batch_size, r) / 60

    def work(self, rows: Sequence[Row], settings: SftSettings) -> StepWork:
        return sft(self.known(rows), settings.sft)

    def setup(self, settings: SftSettings, work: StepWork) -> StepSetup:
        return StepSetup(
            shape=self.shape,
            adapter=settings.adapter,
            params=settings.sft,
            longest=work.longest,
            longest_scored=work.longest_scored,
            on=self.on,
        )

    def known(self, rows: Sequence[Row]) -> list[TokenCount]:
        return [self.counts[row.id] for row in rows if row.id in self.counts]


def pace(numerics: Numerics, choice: BaseChoice | None = None) -> Pace | None:
    """With the project's base, or another; None for an unknown kind of base or machine."""
    machine = this_machine(numerics.precision)
    try:
        shape = shape_of(choice or load(BaseChoice))
    except InputError:
        return None
    if machine.speed is None:
        return None
    counts = {count.row: count for count in TokenCount.read_lines(TOKENS)}
    return Pace(shape, machine.computing, machine.speed, counts)


def minutes_text(minutes: float | None) -> str:
    """An estimate in words."""
    if minutes is None:
        return "no estimate for this base on this machine"
    if minutes >= 120:
        return f"about {minutes / 60:.0f} h on an idle machine"
    return f"about {max(1, round(minutes))} min on an idle machine"
