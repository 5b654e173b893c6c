"""What is found in somebody's rows: parts, lengths, slices, and what became of each record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from curation.account import PERSONAL, TOO_LONG, Fate, account_of
from curation.checks.suite_prompts import suite_prompts
from curation.cleaning.conflicts import conflicting
from curation.cleaning.faulty_rows import faulty
from curation.cleaning.long_rows import fit
from curation.cleaning.sifting import clean, sifted, with_personal_data
from curation.cleaning.token_lengths import TokenLengths
from curation.collect import collect
from curation.curate import Curated, said_of_group
from curation.curate_others import Others, curate_others, untaught, with_others
from curation.curation_settings import CurateParams, FileSource
from evaluation.metrics.proposed_checks import Checks, proposed_checks
from incumbent.init.english import language_notes
from incumbent.init.even_parts import evenly_split, own_rows
from incumbent.init.expected_gate import template_notes, unasked
from incumbent.init.limits import Limits, limits_of
from incumbent.init.outlook import longest_trained
from incumbent.init.own_contacts import own_contacts
from incumbent.init.recipe import LEAST, Recipe, recipe_of, shares_of
from project.contacts import Contacts
from project.errors import InputError
from project.model_pins import BaseChoice, context_window
from project.records.data import Row, Split, TokenCount, counted
from project.records.preferences import PreferencePair, RatedAnswer

SHOWN = 50  # characters
REHEARSED = FileSource(kind="file", path=Path("datasets/sources/rehearsal.jsonl"))


@dataclass(frozen=True)
class Findings:
    """Of rows under the settings that are proposed for them."""

    account: list[Fate]
    made: Curated
    params: CurateParams  # by which they were made
    limits: Limits
    recipe: Recipe
    ours: Contacts  # the organisation's own, as they seem
    personal: tuple[str, ...]  # ids of rows with other personal data; they are left out
    conflicts: tuple[int, ...]  # of each prompt with several answers, its rows
    lengths: dict[Split, list[TokenCount]]  # of all rows, with what is only rehearsed
    notes: tuple[str, ...]
    checks: Checks  # of what can be right or wrong in the answers
    others: Others  # what is learnt from beside the rows

    def part(self, part: Split) -> list[Row]:
        """Its rows, without what is only rehearsed."""
        return own_rows(self.made, self.params)[part]

    @property
    def pairs(self) -> list[PreferencePair]:
        return [one for one in self.others.preferences if isinstance(one, PreferencePair)]

    @property
    def rated(self) -> list[RatedAnswer]:
        return [one for one in self.others.preferences if isinstance(one, RatedAnswer)]

    @property
    def rehearsed(self) -> int:
        return sum(map(len, self.made.parts.values())) - sum(len(self.part(p)) for p in Split)

    @property
    def slices(self) -> dict[str, Counter[str]]:
        """{slice: {value: rows}}, over all parts."""
        found: dict[str, Counter[str]] = {}
        for part in Split:
            for row in self.part(part):
                for name, value in row.slices.items():
                    found.setdefault(name, Counter())[value] += 1
        return found


def find(sources: Sequence[FileSource], base: BaseChoice, folder: Path) -> Findings:
    """Read the sources, and propose limits, parts and a recipe. Raises InputError.

    The folder is that of the base. The general rows that every project rehearses take part in the
    split, and in nothing else.
    """
    every = collect([*sources, REHEARSED])
    raw = list(map(clean, every.rows.values()))
    own = [row for row in raw if row.source != REHEARSED.path.name]
    ours = own_contacts(own)
    personal = with_personal_data(own, ours)
    refuse_few(own, f" in {len(every.origins) - len(raw) + len(own):,} records")
    lengths, window = TokenLengths(folder), context_window(folder)
    limits = limits_of(lengths.count(own), window, partial(longest_here, base))
    fitted = fit(raw, lengths, limits.max_length, "drop")
    unfit = dict.fromkeys(fitted.left_out, TOO_LONG) | faulty(own)
    unfit |= dict.fromkeys(personal, PERSONAL)
    params, made = split(fitted.rows, unfit, suite_prompts())
    kept_back = untaught(raw, made.parts, made.left_out)
    preferences, documents = list(every.preferences.values()), list(every.documents.values())
    others = curate_others(preferences, documents, kept_back, ours)
    account = account_of(others.of_rows(every.origins), raw, made.parts, made.left_out)
    parts = own_rows(made, params)
    kept = [row for rows in parts.values() for row in rows]
    return Findings(
        account=[
            fate
            for fate in with_others(account, every.origins, others)
            if fate.file != REHEARSED.path.name
        ],
        made=made,
        params=params,
        limits=limits,
        recipe=recipe_of(len(parts[Split.TRAIN]), len(kept), limits.max_length, window),
        ours=ours,
        personal=tuple(personal),
        conflicts=tuple(map(len, conflicting(kept))),
        lengths={part: lengths.count(rows) for part, rows in made.parts.items()},
        notes=(
            *language_notes(kept, base),
            *said_of_group(made, params.train_only),
            *template_notes(made, fitted.rows),
            *unasked(parts),
        ),
        checks=proposed_checks([row.completion_text for row in kept], len(parts[Split.SEALED])),
        others=others,
    )


def longest_here(base: BaseChoice, length: int) -> int:
    """As many tokens of such a length as this machine can train; all, where that is not known of
    such a base.
    """
    try:
        return longest_trained(base, length)
    except InputError:
        return length


def split(
    rows: Sequence[Row], unfit: Mapping[str, str], suites: Sequence[str]
) -> tuple[CurateParams, Curated]:
    """Settings that give three parts of sizes that fit the number of rows, and the parts. What the
    suites ask is trained on nowhere.
    """
    params = CurateParams(train_only=(REHEARSED.path.name,))
    distinct, _ = sifted(list(rows), params, unfit)
    own = [row for row in distinct if row.source != REHEARSED.path.name]
    refuse_few(own, "".join(f", beside {n:,} {why}" for why, n in Counter(unfit.values()).items()))
    shares = shares_of(len(own))
    sized = {"dev_share": shares.dev, "sealed_share": shares.sealed}
    return evenly_split(rows, params.model_copy(update=sized), unfit, suites)


def refuse_few(rows: Sequence[Row], whence: str) -> None:
    """Raise InputError with how many there are, and where the others are."""
    if len(rows) < LEAST:
        raise InputError(
            f"{counted(len(rows), 'distinct row')}{whence}: at least {LEAST} are needed to train "
            "and to compare, and a verdict wants hundreds. Such few are better shown to a model as "
            "examples, in its prompt"
        )
