"""How many minutes a selection and its comparison will take, before they begin."""

from dataclasses import dataclass

from incumbent.selecting.candidates import Candidates
from incumbent.selecting.pace import LOADING, pace, tokens_of
from incumbent.selecting.sft_settings import load_sft_settings
from project.paths import NUMERICS, rows_of
from project.records.adapters import Numerics
from project.records.data import Row, Split

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
    found = pace(Numerics.read(NUMERICS))
    if found is None:
        return None
    learnt = [*candidates.kept, *spread(candidates, count)]
    learning = found.learning(learnt, load_sft_settings())
    answering = found.answering(Row.read_lines(rows_of(Split.DEV)))
    return Estimate(
        reading=found.reading_tokens(twice_read(candidates)),
        adapter=learning + answering + LOADING,
    )


def spread(candidates: Candidates, count: int) -> list[Row]:
    """So many of the rows, evenly taken by their lengths."""
    counts = candidates.counts
    ordered = sorted(candidates.rows, key=lambda row: tokens_of(counts[row.id]))
    return [ordered[i * len(ordered) // count] for i in range(count)]


def twice_read(candidates: Candidates) -> int:
    """Tokens of each row with its prompt, and of its answer again without."""
    counts = [candidates.counts[row.id] for row in candidates.rows]
    return sum(tokens_of(count) + count.completion + NO_PROMPT for count in counts)
