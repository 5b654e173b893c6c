"""Preference pairs, from training rows and from files; none has an eval item's prompt."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from project.errors import InputError
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.preferences import PreferencePair

PREFERENCES = Path("datasets/preferences")  # *.jsonl, each line a Pair


def part(rows: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Hold out the groups of the first rows, whole, so that no near-duplicate is on both sides."""
    groups = {row.group for row in rows[: max(1, round(len(rows) * share))]}
    learnt = [row for row in rows if row.group not in groups]
    held_out = [row for row in rows if row.group in groups]
    for side in (learnt, held_out):
        if len({row.group for row in side}) < 2:
            raise InputError(
                f"{len(rows)} training rows are too few to train and to calibrate a preference "
                "model: each side needs rows of two groups",
                file=rows_of(Split.TRAIN),
            )
    return learnt, held_out


def pairs(rows: Sequence[Row], own_answers: Mapping[str, str]) -> list[PreferencePair]:
    """Two pairs a row: the expert's answer against the bare base's, and against another row's.

    The base's answer teaches what a bad answer sounds like. The other row's is an expert's too, of
    the nearest length, so that only what it says can tell the two apart.
    """
    made = []
    for row in rows:
        for rejected in (own_answers[row.id], other_answer(row, rows)):
            if rejected != row.completion_text:
                pair = PreferencePair(
                    prompt=row.prompt_text, chosen=row.completion_text, rejected=rejected
                )
                made.append(pair)
    return made


def other_answer(row: Row, rows: Sequence[Row]) -> str:
    """The answer, nearest in length, of a row of another group, in the same slices if it can be."""
    others = [other for other in rows if other.group != row.group]
    length = len(row.completion_text)
    nearest = min(
        others,
        key=lambda o: (o.slices != row.slices, abs(len(o.completion_text) - length), o.id),
    )
    return nearest.completion_text


def read_pairs(folder: Path = PREFERENCES) -> list[PreferencePair]:
    """The pairs of all the files, by file name. Raises InputError naming file, line and field."""
    return [
        pair for path in sorted(folder.glob("*.jsonl")) for pair in PreferencePair.read_lines(path)
    ]


def allowed(pairs: Iterable[PreferencePair], evaluated: Iterable[Row]) -> list[PreferencePair]:
    """The pairs that teach something and whose prompt no eval item has.

    A judge that has seen the answer to an item would know who wins there. Letter case and white
    space make no difference.
    """
    known = {plain(row.prompt_text) for row in evaluated}
    return [p for p in pairs if p.chosen != p.rejected and plain(p.prompt) not in known]


def plain(prompt: str) -> str:
    return " ".join(prompt.casefold().split())
