"""Which old rows are learnt again beside what is new, so that a model does not forget them.

Experience replay: Rolnick et al. 2019, arXiv 1811.11682. docs/how-to/improve.md has
what it brings here.
"""

from collections.abc import Collection, Iterator, Sequence

from project.canonical import digest_json
from project.item_prompts import sentences
from project.paths import ADAPTER_FILES, CURATED_DOCUMENTS, PREFERENCE_DATA, rows_of
from project.records.data import Document, Row, Split
from project.records.preferences import read_preferences
from project.records.record import Digest
from project.shown_passages import question_of
from training.recipe import START_FILE, LearntRows, Recipe, RowDigest, TrainingStart, row_digest
from training.rows.row_tokens import RowTokens, is_learnt
from training.training_settings import LossOn, SftParams


def rows_to_learn(
    rows: Sequence[Row], start: TrainingStart, params: SftParams, seed: int
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
    again = {old[number] for number in in_random_order(old, seed)[: round(share * new)]}
    left_out = set(old) - again
    return tuple(row for row, digest in zip(rows, digests, strict=True) if digest not in left_out)


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


def replay_in_words(rows: Sequence[Row], learnt: Sequence[Row], start: TrainingStart) -> str:
    """What is learnt from an adapter on, for people."""
    known = set(start.known)
    old = sum(row_digest(row) in known for row in rows)
    new = len(rows) - old
    if not known:
        return f"what {start.label} has learnt is not known: all {len(rows):,} rows are new to it"
    if not new:
        return f"{start.label} has learnt all {len(rows):,} rows already: all are learnt again"
    return f"{new:,} rows are new to {start.label}; {len(learnt) - new:,} of {old:,} old ones again"


def in_random_order(values: Sequence[object], seed: int) -> list[int]:
    """The positions of values, each placed by the seed and the value alone."""
    places = [digest_json([seed, value]) for value in values]
    return sorted(range(len(values)), key=places.__getitem__)


# --- learnt rows ----------------------------------------------------------------------------------


def learnt_by_challenger() -> tuple[LearntRows, ...]:
    """What it started with, and the training rows that its recipe takes; nothing where it was not
    trained by the stages from `start` on.
    """
    if not START_FILE.exists():
        return ()
    recipe, start = Recipe.read(ADAPTER_FILES / "recipe.json"), TrainingStart.read(START_FILE)
    if start.adapter != recipe.start:  # found since, for the next run
        return ()
    rows = Row.read_lines(rows_of(Split.TRAIN))[: recipe.sft.params.rows] if recipe.sft else ()
    return (LearntRows.of(rows, start.known),)


def teacher_of_challenger() -> Digest | None:
    """The adapter that the challenger was distilled from, if it was: it knows what that learnt."""
    file = ADAPTER_FILES / "recipe.json"
    taught = Recipe.read(file).distill if file.exists() else None
    return taught.teacher.adapter if taught and taught.teacher else None


def texts_learnt() -> Iterator[str]:
    """What the challenger was shown in training that may be an eval item: the prompts of the rows
    and, where its recipe takes them, those of earlier answers and of preferences, and the sentences
    of documents.
    """
    file = ADAPTER_FILES / "recipe.json"
    recipe = Recipe.read(file) if file.exists() else None
    taken = recipe.taken if recipe else ()
    loss_on = recipe.sft.params.loss_on if recipe and recipe.sft else "last"
    for row in Row.read_lines(rows_of(Split.TRAIN)):
        yield row.prompt_text
        yield from earlier_prompts(row, loss_on)
    if {"dpo", "kto"} & {*taken}:
        yield from (preference.prompt for preference in read_preferences(PREFERENCE_DATA))
    if "domain" in taken:
        for document in Document.read_lines(CURATED_DOCUMENTS):
            yield from sentences(document.text)


def earlier_prompts(row: Row, loss_on: LossOn) -> Iterator[str]:
    """What was asked before the earlier answers that are learnt too: all of it, and the last."""
    for place, turn in enumerate(row.prompt):
        if turn.role == "assistant" and is_learnt(turn, loss_on):
            yield "\n".join(earlier.text for earlier in row.prompt[:place])
            yield question_of(row.prompt[:place])
