"""Answers that somebody found bad, each paired with a good answer to the same prompt."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from project.item_prompts import bare
from project.records.data import Row
from project.records.preferences import Preference, PreferencePair, RatedAnswer


@dataclass(frozen=True)
class Paired:
    """What a reward model learns from negative examples, and how many taught it nothing."""

    pairs: list[PreferencePair]
    without_good: int  # no training row and no rated answer says what is good
    praised: int  # the good answer, word for word, is this one

    def __str__(self) -> str:
        said = f"{len(self.pairs)} negative examples paired with a good answer"
        if self.without_good:
            said += f", {self.without_good} left out: no good answer to their prompt is known"
        if self.praised:
            said += f", {self.praised} left out: the good answer says the same"
        return said


def pair_negatives(given: Iterable[Preference], rows: Iterable[Row]) -> Paired:
    """Pair each bad answer with the answer of a training row to the same prompt; where no row has
    it, with an answer that was found good. Letter case and white space of a prompt make no
    difference.
    """
    rated = [one for one in given if isinstance(one, RatedAnswer)]
    good = {bare(one.prompt): one.completion for one in reversed(rated) if one.label}
    good |= {bare(row.prompt_text): row.completion_text for row in reversed(list(rows))}
    bad = [one for one in rated if not one.label]
    known = [one for one in bad if bare(one.prompt) in good]
    pairs = list(against(known, good))
    return Paired(pairs, len(bad) - len(known), len(known) - len(pairs))


def against(bad: Iterable[RatedAnswer], good: dict[str, str]) -> Iterator[PreferencePair]:
    for one in bad:
        chosen = good[bare(one.prompt)]
        if chosen.strip() != one.completion.strip():
            yield PreferencePair(prompt=one.prompt, chosen=chosen, rejected=one.completion)
