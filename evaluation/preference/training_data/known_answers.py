"""What people said of answers, held against the answers that are known to be good."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from project.item_prompts import bare
from project.records.data import Message, Row
from project.records.preferences import Preference, PreferencePair, RatedAnswer

AnyPreference = TypeVar("AnyPreference", bound=Preference)

# Why one is left out; each reads well behind a number.
ONE_ANSWER = "whose two answers are one"
SAID_BY_ROW = "bad answers that the good one itself says: correct it"
DISPUTED = "on which people disagree"


class GoodAnswers:
    """By prompt, letter case and white space aside: what is the right thing to say."""

    def __init__(
        self, rows: Sequence[Row], given: Iterable[Preference], corrections: Collection[str]
    ) -> None:
        self.rows = {bare(row.prompt_text): row for row in reversed(rows)}
        self.corrected = {
            bare(row.prompt_text): row for row in reversed(rows) if row.source in corrections
        }
        rated = [one for one in given if isinstance(one, RatedAnswer) and one.label]
        self.rated = {bare(one.prompt): one.completion for one in reversed(rated)}

    def correction(self, prompt: str) -> Row | None:
        return self.corrected.get(bare(prompt))

    def known(self, prompt: str) -> str | None:
        """A training row's answer, else one that somebody found good."""
        row = self.rows.get(bare(prompt))
        return row.completion_text if row else self.rated.get(bare(prompt))

    def messages(self, prompt: str) -> tuple[Message, ...] | None:
        """The turns of the training row that asks this; None where that is one of the user's."""
        row = self.rows.get(bare(prompt))
        plain = row is None or [message.role for message in row.prompt] == ["user"]
        return None if row is None or plain else row.prompt


def learnable(
    given: Sequence[Preference], good: GoodAnswers, lost: Counter[str]
) -> list[Preference]:
    """What people said as DPO and KTO can learn it: a bad answer as a pair wherever a good answer
    to its prompt is known, the correction's where there is one. Each once; `lost` counts the rest.
    """
    found: dict[str, Preference] = {}
    for one in given:
        made = with_good_answer(one, good)
        if says_one_thing(made):
            lost[ONE_ANSWER if says_one_thing(one) else SAID_BY_ROW] += 1
        else:
            found.setdefault(made.id, made)
    return list(found.values())


def says_one_thing(one: Preference) -> bool:
    return isinstance(one, PreferencePair) and one.chosen.strip() == one.rejected.strip()


def with_good_answer(one: Preference, good: GoodAnswers) -> Preference:
    """As it is to be learnt, with its origin and its prompt's turns."""
    messages = good.messages(one.prompt)
    if isinstance(one, RatedAnswer) and one.label:
        return one.model_copy(update={"origin": one.origin or "good answer", "messages": messages})
    bad = one.completion if isinstance(one, RatedAnswer) else one.rejected
    if corrected := good.correction(one.prompt):
        return PreferencePair(
            prompt=one.prompt,
            chosen=corrected.completion_text,
            rejected=bad,
            source=corrected.source,
            annotator=corrected.annotator,
            origin="correction",
            messages=messages,
        )
    if isinstance(one, PreferencePair):
        return one.model_copy(update={"origin": one.origin or "pair", "messages": messages})
    origin = one.origin or "negative example"
    if (answer := good.known(one.prompt)) is None:
        return one.model_copy(update={"origin": origin, "messages": messages})
    return PreferencePair(
        prompt=one.prompt,
        chosen=answer,
        rejected=bad,
        source=one.source,
        annotator=one.annotator,
        origin=origin,
        messages=messages,
    )


def undisputed(
    given: Sequence[AnyPreference], lost: Counter[str], why: str = DISPUTED
) -> list[AnyPreference]:
    """Without that of which somebody said the opposite: nothing can be learnt from both."""
    said = {one.id for one in given}
    kept = [one for one in given if opposite(one).id not in said]
    lost[why] += len(given) - len(kept)
    return kept


def opposite(one: Preference) -> Preference:
    if isinstance(one, RatedAnswer):
        return one.model_copy(update={"label": not one.label})
    return one.model_copy(update={"chosen": one.rejected, "rejected": one.chosen})
