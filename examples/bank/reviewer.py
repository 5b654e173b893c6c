"""Simulated reviewers: blind ballots by a stated rule, with stated errors.

Nobody at Lindmoor Bank can vote, for there is no such bank. So three reviewers are simulated. Of
two answers to a question each prefers, in this order:

1. of answers on passages the better kind: one that these bear out before an abstention, and that
   before an invention; where they hold no answer, an abstention before all else (`kind_of`);
2. the one that keeps more of the reference's facts, less those that it contradicts (the scorer
   `facts`), if the difference is at least CLEARLY;
3. the one with fewer of the unwanted behaviours of behaviours.py, the missing warning among them;
4. the politer one, by the words of POLITE;
5. else the one that a coin says, which is thrown anew for each reviewer and pair of answers.

Then, in a share of the pairs of its own (ERRS), a reviewer says the opposite. A reviewer sees the
question, the reference and two texts on a left and a right side, and never who gave them: names
are put to the ballot afterwards.

The bias that this has: reviewers know the reference, which a judge or a customer does not, and they
go by the same scorer of facts that a column of the table shows; so preference and facts agree more
than people's votes and facts would. What reads well but says the same facts wins nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from evaluation.metrics.answer_sentences import AskedOnPassages
from evaluation.metrics.facts.facts_kept import FactsKept
from evaluation.metrics.grounding import Grounding
from examples.bank.behaviours import behaviours, said
from project.canonical import digest_bytes, digest_json
from project.records.ballots import Ballot

CLEARLY = 0.1
SUPPORTED = 0.5  # of an answer's sentences
GROUNDING = Grounding()
ERRS = {"reviewer-a": 0.05, "reviewer-b": 0.1, "reviewer-c": 0.2}
POLITE = ("please", "thank", "glad", "pleasure", "welcome", "help you", "sorry", "happy to")
START = datetime(2026, 1, 1, tzinfo=UTC)

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Pair:
    """What a reviewer sees."""

    item: str
    topic: str
    about: str
    prompt: str
    reference: str
    left: str
    right: str
    evidence: str = ""  # what the scorer `grounding` reads; empty where there are no passages


def choices(pairs: Sequence[Pair], reviewer: str) -> list[Side]:
    """What one reviewer says of each pair; the same pairs are always judged in the same way."""
    kept = [facts_kept(tuple(pairs), side) for side in ("left", "right")]
    return [choice(pair, a - b, reviewer) for pair, a, b in zip(pairs, *kept, strict=True)]


def choice(pair: Pair, ahead: float, reviewer: str) -> Side:
    """`ahead` is by how much more facts the left side keeps."""
    leads = [
        float(kind_of(pair, pair.left) - kind_of(pair, pair.right)),
        ahead if abs(ahead) >= CLEARLY else 0.0,
        float(unwanted(pair, pair.right) - unwanted(pair, pair.left)),
        float(said(POLITE, pair.left) - said(POLITE, pair.right)),
        lot("coin", pair, reviewer) - 0.5,
    ]
    left = next(lead for lead in leads if lead) > 0
    errs = lot("error", pair, reviewer, sided=False) < ERRS[reviewer]
    return "left" if left != errs else "right"


@lru_cache(2)  # of both sides, for the next reviewer
def facts_kept(pairs: tuple[Pair, ...], side: str) -> list[float]:
    """Facts of the reference that a side's answers keep, less those that they contradict, and
    not below 0.
    """
    answers, references = [getattr(p, side) for p in pairs], [p.reference for p in pairs]
    found = FactsKept().compute(predictions=answers, references=references)
    return [max(0.0, value) for value in found["facts"]] if found else []


def kind_of(pair: Pair, answer: str) -> int:
    """Of an answer on passages: 0 is an invention, 1 no answer, 2 the best that there is."""
    if not pair.evidence:
        return 0
    asked = AskedOnPassages.of_columns(pair.prompt, pair.reference, pair.evidence)
    found = GROUNDING.one(asked, answer)
    if found["wrong_abstention"]:  # it abstains, rightly or not
        return 2 if asked.answerable is False else 1
    if found["invented"]:
        return 0
    return 2 if asked.answerable and found["supported"] >= SUPPORTED else 1


def unwanted(pair: Pair, answer: str) -> int:
    return len(behaviours(pair.topic, pair.about, pair.prompt, pair.reference, answer))


def lot(what: str, pair: Pair, reviewer: str, *, sided: bool = True) -> float:
    """A number in [0, 1): of a coin the other one when the sides are exchanged, of an error the
    same.
    """
    texts = sorted((pair.left, pair.right))
    drawn = int(digest_json([what, reviewer, pair.item, texts])[:13], 16) / 16**13
    return 1 - drawn if sided and texts[0] != pair.left else drawn


def ballots(pairs: Sequence[Pair], names: Sequence[tuple[str, str]]) -> Iterable[Ballot]:
    """Every reviewer's ballot on each pair. `names` are the versions on its left and right side,
    which are written down only here.
    """
    for number, reviewer in enumerate(ERRS):
        for i, said_side in enumerate(choices(pairs, reviewer)):
            yield Ballot(
                item=pairs[i].item,
                reviewer=reviewer,
                left=names[i][0],
                right=names[i][1],
                left_answer=digest_bytes(pairs[i].left.encode()),
                right_answer=digest_bytes(pairs[i].right.encode()),
                choice=said_side,
                at=f"{START + timedelta(days=number, minutes=i):%Y-%m-%dT%H:%M:%SZ}",
            )
