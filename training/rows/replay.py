"""Which old rows are learnt again beside what is new, so that a model does not forget them.

Experience replay: Rolnick et al. 2019, arXiv 1811.11682. docs/recipes.md has what it brings here.
"""

from collections.abc import Collection, Sequence

from project.canonical import digest_json
from project.records.data import Row
from training.rows.row_tokens import RowTokens
from training.start_record import RowDigest, Start, row_digest
from training.training_settings import SftParams


def rows_to_learn(
    rows: Sequence[Row], start: Start, params: SftParams, seed: int
) -> tuple[Row, ...]:
    """All rows where training starts from the base; from an adapter on, the rows that are new to it
    and a share of the old ones.
    """
    if start.adapter is None:
        return tuple(rows)
    return replayed(rows, start.known, params.replay, seed)


def replayed(
    rows: Sequence[Row], known: Collection[RowDigest], share: float, seed: int
) -> tuple[Row, ...]:
    """The rows that are not known, and old ones, `share` times as many, all where there are fewer.

    The rows keep their order. Which old ones it are depends on the seed and on their own text: one
    row more changes at most one of them. Rehearsed rows are old ones once they were learnt. Where
    nothing is new, for the recipe is another one, all are learnt again.
    """
    digests, before = [row_digest(row) for row in rows], set(known)
    old = [digest for digest in digests if digest in before]
    new = len(digests) - len(old)
    if not new:
        return tuple(rows)
    again = set(drawn(old, round(share * new), seed))
    left_out = set(old) - again
    return tuple(row for row, own in zip(rows, digests, strict=True) if own not in left_out)


def replayed_beside(
    pieces: Sequence[RowTokens], rows: Sequence[RowTokens], share: float, seed: int
) -> list[RowTokens]:
    """Training rows to mix into pieces of documents: as many as have `share` times the tokens of
    the pieces, all where they have fewer. The rows keep their order.
    """
    left = share * sum(map(len, pieces))
    chosen = set[int]()
    for number in in_random_order([row.ids for row in rows], seed):
        if left < len(rows[number]):
            break
        chosen.add(number)
        left -= len(rows[number])
    return [row for number, row in enumerate(rows) if number in chosen]


def replay_in_words(rows: Sequence[Row], learnt: Sequence[Row], start: Start) -> str:
    """What is learnt from an adapter on, for people."""
    known = set(start.known)
    old = sum(row_digest(row) in known for row in rows)
    new = len(rows) - old
    if not known:
        return f"what {start.label} has learnt is not known: all {len(rows):,} rows are new to it"
    if not new:
        return f"{start.label} has learnt all {len(rows):,} rows already: all are learnt again"
    return f"{new:,} rows are new to {start.label}; {len(learnt) - new:,} of {old:,} old ones again"


def drawn(digests: Sequence[RowDigest], count: int, seed: int) -> list[RowDigest]:
    return [digests[number] for number in in_random_order(digests, seed)[:count]]


def in_random_order(values: Sequence[object], seed: int) -> list[int]:
    """The positions of values, each placed by the seed and the value alone."""
    places = [digest_json([seed, value]) for value in values]
    return sorted(range(len(values)), key=places.__getitem__)
