"""What is found in somebody's rows: parts, lengths, slices, and what became of each record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.account import PERSONAL, TOO_LONG, Fate, account_of
from curation.cleaning.long_rows import fit
from curation.cleaning.sifting import clean, with_personal_data
from curation.cleaning.token_lengths import TokenLengths
from curation.collect import collect
from curation.curate import Curated, curate, said_of_group
from curation.curation_settings import CurateParams, FileSource
from incumbent.init.limits import Limits, limits_of
from incumbent.init.own_contacts import own_contacts
from incumbent.init.recipe import LEAST, Recipe, recipe_of
from project.contacts import Contacts
from project.errors import InputError
from project.model_pins import context_window
from project.records.data import Row, Split

REHEARSED = FileSource(kind="file", path=Path("datasets/sources/rehearsal.jsonl"))
SEEDS = 50  # tried for parts of about the wanted sizes
NEAR = 0.2  # of a wanted size: near enough


@dataclass(frozen=True)
class Findings:
    """Of rows under the settings that are proposed for them."""

    account: list[Fate]
    made: Curated
    limits: Limits
    recipe: Recipe
    seed: int
    ours: Contacts  # the organisation's own, as they seem
    personal: tuple[str, ...]  # ids of rows with other personal data; they are left out
    warnings: tuple[str, ...]

    def part(self, part: Split) -> list[Row]:
        """Its rows, without what is only rehearsed."""
        return own_rows(self.made)[part]

    @property
    def slices(self) -> dict[str, Counter[str]]:
        """{slice: {value: rows}}, over all parts."""
        found: dict[str, Counter[str]] = {}
        for rows in own_rows(self.made).values():
            for row in rows:
                for name, value in row.slices.items():
                    found.setdefault(name, Counter())[value] += 1
        return found


def find(sources: Sequence[FileSource], base: Path) -> Findings:
    """Read the sources, and propose limits, parts and a recipe. Raises InputError.

    The general rows that every project rehearses take part in the split, and in nothing else.
    """
    every = collect([*sources, REHEARSED])
    raw = list(map(clean, every.rows.values()))
    own = [row for row in raw if row.source != REHEARSED.path.name]
    ours = own_contacts(own)
    personal = with_personal_data(own, ours)
    lengths, window = TokenLengths(base), context_window(base)
    refuse_few(own)
    limits = limits_of(lengths.count(own), window)
    fitted = fit(raw, lengths, limits.max_length, "drop")
    unfit = dict.fromkeys(fitted.left_out, TOO_LONG) | dict.fromkeys(personal, PERSONAL)
    recipe = recipe_of(max(len(own) - len(unfit), LEAST), limits.max_length, window)
    seed, made = balanced(fitted.rows, recipe, unfit)
    return Findings(
        account=[
            fate
            for fate in account_of(every.origins, raw, made.parts, made.left_out)
            if fate.file != REHEARSED.path.name
        ],
        made=made,
        limits=limits,
        recipe=recipe,
        seed=seed,
        ours=ours,
        personal=tuple(personal),
        warnings=tuple(said_of_group(made)),
    )


def refuse_few(rows: Sequence[Row]) -> None:
    if len(rows) < LEAST:
        raise InputError(
            f"{len(rows)} distinct rows are too few to train on and to compare by: at least "
            f"{LEAST} are needed, and a verdict wants hundreds"
        )


def balanced(rows: Sequence[Row], recipe: Recipe, unfit: Mapping[str, str]) -> tuple[int, Curated]:
    """The first seed that gives parts of about the wanted sizes, or the one that comes nearest.

    Groups are dealt whole, so a few large ones can leave a part empty. Raises InputError where
    every seed does.
    """
    best: tuple[float, int, Curated] | None = None
    count = 0
    for seed in range(SEEDS):
        params = CurateParams(
            dev_share=recipe.dev_share,
            sealed_share=recipe.sealed_share,
            seed=seed,
            train_only=(REHEARSED.path.name,),
        )
        made = curate(rows, {}, params, unfit)
        parts = own_rows(made)
        count = sum(map(len, parts.values()))
        off = distance(parts, recipe)
        if all(parts.values()) and (best is None or off < best[0]):
            best = off, seed, made
        if best and best[0] <= NEAR:
            break
    if best is None:
        raise InputError(
            f"{count} distinct rows cannot be split into training, dev and sealed: too many are "
            f"near-duplicates of each other, or there are too few; at least {LEAST} are needed"
        )
    return best[1], best[2]


def own_rows(made: Curated) -> dict[Split, list[Row]]:
    """The parts without what is only rehearsed."""
    return {
        part: [row for row in rows if row.source != REHEARSED.path.name]
        for part, rows in made.parts.items()
    }


def distance(parts: Mapping[Split, Sequence[Row]], recipe: Recipe) -> float:
    """How far dev and sealed are from their wanted sizes, as a share of these; the worse one."""
    count = sum(map(len, parts.values()))
    wanted = {Split.DEV: recipe.dev_share * count, Split.SEALED: recipe.sealed_share * count}
    return max(abs(len(parts[part]) - size) / max(size, 1) for part, size in wanted.items())
