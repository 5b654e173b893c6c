"""Preference pairs of files and sources, and which rows pairs are made of; none has an eval item's
prompt.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from project.errors import InputError
from project.item_prompts import asking_an_item
from project.paths import CURATED_PREFERENCES, rows_of
from project.records.data import Row, Split
from project.records.preferences import Preference, PreferencePair, by_judge, read_preferences

PREFERENCES = Path("datasets/preferences")  # *.jsonl, each line a pair or a rated answer


class MadePair(PreferencePair):
    """A pair that was made: what its worse answer is, such as another row's."""

    kind: str


def part(rows: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Hold out a share of the groups, whole, so that no near-duplicate is on both sides.

    They are the groups of the first rows. Where a few groups hold nearly all rows, they are the
    first groups. Raises InputError where a side would not have rows of two groups.
    """
    every = list(dict.fromkeys(row.group for row in rows))
    groups = {row.group for row in rows[: max(1, round(len(rows) * share))]}
    if not 2 <= len(groups) <= len(every) - 2:
        groups = set(every[: max(2, round(len(every) * share))])
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


def given_preferences(folder: Path = PREFERENCES) -> list[Preference]:
    """What people said in the files of a folder, by file name, and then in the sources; each once.

    What a judge chose is left out: a judge that learnt from its own word, or were held against it,
    would only grow surer of it. Raises InputError naming file, line and field.
    """
    found = (one for path in preference_files(folder) for one in read_preferences(path))
    return list({one.id: one for one in found if not by_judge(one)}.values())


def preference_files(folder: Path = PREFERENCES) -> list[Path]:
    """The files of a folder by name, and then what the sources hold."""
    files = sorted(folder.glob("*.jsonl"))
    return [*files, CURATED_PREFERENCES] if CURATED_PREFERENCES.exists() else files


def allowed(given: Sequence[Preference], evaluated: Iterable[Row]) -> list[Preference]:
    """Those whose prompt no eval item has, nor a near-duplicate of it.

    A judge that has seen the answer to an item would know who wins there.
    """
    known = asking_an_item([one.prompt for one in given], evaluated)
    return [one for i, one in enumerate(given) if i not in known]


def pairs_of(given: Iterable[Preference]) -> list[PreferencePair]:
    """The pairs that teach something."""
    found = (one for one in given if isinstance(one, PreferencePair))
    return [pair for pair in found if pair.chosen != pair.rejected]
