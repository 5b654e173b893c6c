"""How many minutes a selection and its comparison will take, before they begin."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.generation.answers import Role
from incumbent.planning.cost.base_shape import shape_of
from incumbent.planning.cost.minutes import Clock
from incumbent.planning.cost.setup import Setup
from incumbent.planning.cost.this_machine import this_machine
from incumbent.planning.work.answering import Answering
from incumbent.planning.work.row_lengths import RowLengths
from incumbent.planning.work.run_settings import RunSettings, read_settings
from incumbent.planning.work.workload import Workload, workload
from incumbent.selecting.candidates import Candidates
from project.paths import rows_of
from project.records.data import Row, Split, TokenCount

NO_PROMPT = 10  # tokens that a chat template puts before an answer to an empty question


@dataclass(frozen=True)
class Estimate:
    """Minutes on an idle machine, where nothing was read or trained before."""

    reading: float
    adapter: float  # trained, and its answers to dev

    def said(self, adapters: int) -> str:
        both = f" and {adapters} adapters of {self.adapter:.0f} min" if adapters else ""
        total = self.reading + adapters * self.adapter
        what = f"{self.reading:.0f} min of reading{both}"
        return f"about {total:.0f} min on an idle machine: {what}; less for what is known already"


def estimate(candidates: Candidates, count: int) -> Estimate | None:
    """None where it is not known how fast this machine is."""
    settings = read_settings()
    whole = settings.training.model_copy(update={"rows": None})
    settings = settings.model_copy(update={"training": whole})
    work = work_of(candidates, count, settings)
    machine = this_machine(settings.base.precision)
    if machine.speed is None:
        return None
    setup = Setup(shape_of(settings.base), settings, work.longest, machine.computing)
    clock = Clock(setup, machine.speed)
    dev = [a for a in work.answering if (a.system, a.rows) == (Role.CHALLENGER, Split.DEV)]
    counts = [candidates.counts[row.id] for row in candidates.rows]
    return Estimate(
        reading=clock.reading(twice_read(counts)) / 60,
        adapter=(clock.training(work) + clock.answering(dev)) / 60,
    )


def work_of(candidates: Candidates, count: int, settings: RunSettings) -> Workload:
    """Of one adapter, on so many rows as long as all are on average, and on the kept ones."""
    some = spread([candidates.counts[row.id] for row in candidates.rows], count)
    kept = [candidates.counts[row.id] for row in candidates.kept]
    dev = [candidates.counts[row.id] for row in Row.read_lines(rows_of(Split.DEV))]
    parts = {Split.TRAIN: [*kept, *some], Split.DEV: dev, Split.SEALED: []}
    return workload(RowLengths(parts), settings, champion=True)


def spread(counts: Sequence[TokenCount], count: int) -> list[TokenCount]:
    """So many of them, evenly taken by their lengths."""
    ordered = sorted(counts, key=lambda one: one.prompt + one.completion)
    return [ordered[i * len(ordered) // count] for i in range(count)]


def twice_read(counts: Sequence[TokenCount]) -> Answering:
    """Each row with its prompt, and its answer again without."""
    prompts, answers = (sum(c.prompt for c in counts), sum(c.completion for c in counts))
    return Answering(
        system="base",
        rows=Split.TRAIN,
        count=len(counts),
        alike=0,
        prompt=(prompts / len(counts) + NO_PROMPT) / 2,
        answer=0,
        reference=2 * answers / len(counts),
        adapter=False,
    )
