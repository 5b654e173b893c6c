"""What an adapter gets on each dev item: the loss of the reference, or a scorer's metric."""

from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.systems import respondent
from evaluation.score import directions
from evaluation.scoring.scorers import load_scorers, score
from incumbent.searching.compare_on_dev import Aside
from project.canonical import digest_folder
from project.errors import InputError
from project.model_pins import pinned_folder
from project.paths import EMBEDDER, rows_of
from project.records.adapters import ModelPin
from project.records.data import Row, Split
from project.records.scores import Better
from project.settings import PARAMS, load

LOSS = "loss"  # of a token of the references, in nats; the mean of an item's tokens

# An adapter's folder -> what each item gets, in the order of the items.
Measure = Callable[[Path], tuple[float, ...]]


def dev_items() -> list[Row]:
    """Raises InputError where there are too few to tell adapters apart."""
    items = list(Row.read_lines(rows_of(Split.DEV)))
    if len({row.group for row in items}) < 2:
        raise InputError("has too few items to compare adapters on", file=rows_of(Split.DEV))
    return items


def measure_by(metric: str, items: Sequence[Row], aside: Aside) -> tuple[Measure, Better]:
    """How to measure by a metric, and which way it is better. Raises InputError for a metric that
    the project's scorers do not give, or that has no better way.
    """
    if metric == LOSS:
        return (lambda folder: losses(items, aside, folder)), "less"
    scorers = load_scorers(load(ScoringParams), pinned_folder(ModelPin.read(EMBEDDER), "embedder"))
    ways = {name: way for name, way in directions(scorers).items() if way != "neither"}
    if metric not in ways:
        problem = f"{metric!r} is no metric with a better way; there are {', '.join([LOSS, *ways])}"
        raise InputError(problem, file=PARAMS, field="search.metric")

    def measured(folder: Path) -> tuple[float, ...]:
        trained = aside.base.model_copy(update={"adapter": digest_folder(folder)})
        system = respondent(trained, folder, load(Decoding), aside.numerics)
        return score(scorers, items, system.answers(items, "answering dev")).values[metric]

    return measured, ways[metric]


def losses(items: Sequence[Row], aside: Aside, folder: Path | None) -> tuple[float, ...]:
    """Of each item's reference under an adapter, or under the bare base.

    Raises InputError for an item that the base cannot read.
    """
    # Imported here so that whoever finds all trials done does not wait for torch.
    from evaluation.generation.answering_model import AnsweringModel, refuse_other_machine

    refuse_other_machine(aside.numerics)
    base, prompt = pinned_folder(aside.base.base, "base"), aside.base.system_prompt
    decoding = Decoding(max_new_tokens=1, batch_size=load(Decoding).batch_size)
    model = AnsweringModel(base, folder, decoding, aside.numerics.precision, prompt)
    found = model.reference_logprobs(items)
    for row, logprob in zip(items, found, strict=True):
        if logprob is None:
            problem = f"{row} is not to be read as prompt and answer by the base's chat template"
            raise InputError(f"{problem}: choose another search.metric", file=rows_of(Split.DEV))
    return tuple(-logprob for logprob in found if logprob is not None)
