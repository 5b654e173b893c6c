"""What a first run will take here, and what its sealed eval set can show."""

from collections.abc import Iterator, Mapping, Sequence

from curation.curate_others import Others
from evaluation.decision.policy import Policy
from incumbent.planning.cost.setup import Setup
from incumbent.planning.lighter import trains
from incumbent.planning.run_plan import plan_run
from incumbent.planning.sealed_set import said_of_sealed_set
from incumbent.planning.work.row_lengths import Beside, RowLengths
from incumbent.planning.work.run_settings import RunSettings
from incumbent.planning.work.workload import longest_allowed
from project.model_pins import BaseChoice
from project.records.data import Split, TokenCount
from project.settings import load
from training.cost.base_shape import shape_of
from training.cost.gpus import GB
from training.cost.this_machine import this_machine

LEAST = 64  # tokens: where not even these can be trained, the plan says so
HOUR = 60  # minutes
STEPS = {
    "domain": "the raw text (training.domain.epochs: 0 leaves it out)",
    "dpo": "the preference pairs (training.dpo.epochs: 0 leaves them out)",
    "kto": "the rated answers (training.kto.epochs: 0 leaves them out)",
}
EFFECT = 0.03  # a gain that users would notice, for what a set can show


def longest_trained(base: BaseChoice, length: int) -> int:
    """How many tokens of such a length a row may have for this machine's memory to train it, with
    the settings of a new project.
    """
    settings = RunSettings(base=base.model_copy(update={"max_length": length}))
    machine = this_machine(base.precision)
    setup = Setup(shape_of(base), settings, longest_allowed(settings), machine.computing)
    if trains(setup):
        return length
    fits, too_long = min(LEAST, length), length
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if trains(setup.with_rows_of(middle)):
            fits = middle
        else:
            too_long = middle
    return fits


def run_lines(lengths: Mapping[Split, Sequence[TokenCount]], others: Others) -> Iterator[str]:
    """Of the project in the current folder, whose rows are so long, with what is beside them."""
    beside = Beside(tuple(others.documents), tuple(others.preferences))
    plan = plan_run(rows=RowLengths(lengths, beside=beside))
    here = plan.here
    if here is None:
        return
    if here.minutes:
        yield f"{spoken(here.minutes.total)} on this machine; `incumbent plan` has GPUs and prices"
        steps = {name: minutes for name, minutes in here.steps.items() if name != "sft"}
        yield from (
            f"  of it {spoken(minutes)} for {STEPS[name]}" for name, minutes in steps.items()
        )
    if not (here.trains and here.answers):
        needs = max(here.training.total, here.answering.total) / GB
        yield f"it needs {needs:.1f} GB of memory at its peak, of {here.memory / GB:.0f} GB here:"
        for one in plan.lighter:
            yield f"  {one.change}: {one.needs / GB:.1f} GB"


def sealed_lines(items: int) -> Iterator[str]:
    """Of each metric that the policy gates on and whose spread is known."""
    yield from said_of_sealed_set(items, load(Policy), effect=EFFECT)


def spoken(minutes: float) -> str:
    if minutes < HOUR:
        return f"about {max(round(minutes), 1)} min"
    return f"about {minutes / HOUR:.1f} h"
