"""A seed with which training, dev and sealed have about the sizes that they are to have."""

from collections import Counter
from collections.abc import Mapping, Sequence

from curation.account import reasons
from curation.cleaning.sifting import sifted
from curation.curate import Curated, Elsewhere, curate
from curation.curation_settings import CurateParams
from curation.kin.kinship import family_names
from curation.splitting.lots import draw, split
from project.errors import InputError
from project.records.data import Row, Split, counted

SEEDS = 50  # tried
NEAR = 0.2  # of a wanted size: near enough

Parts = Mapping[Split, Sequence[Row]]


def evenly_split(
    rows: Sequence[Row], params: CurateParams, unfit: Mapping[str, str], suites: Sequence[str]
) -> tuple[CurateParams, Curated]:
    """The rows as they are curated, with a seed that gives even parts.

    Groups are dealt whole, so a few large ones can leave a part empty. Raises InputError where
    every seed does.
    """
    asked = Elsewhere(suites)
    made = curate(rows, {}, params, unfit, elsewhere=asked)
    if distance(own_rows(made, params), params) > NEAR:
        params = params.model_copy(update={"seed": best_seed(rows, params, unfit)})
        made = curate(rows, {}, params, unfit, elsewhere=asked)
    refuse_empty(own_rows(made, params), made)
    return params, made


def best_seed(rows: Sequence[Row], params: CurateParams, unfit: Mapping[str, str]) -> int:
    """The first one that is near enough, or the one that comes nearest."""
    distinct, _ = sifted(list(rows), params, unfit)
    families = family_names(distinct, params.similarity)
    best = (float("inf"), 0)
    for seed in range(SEEDS):
        seeded = params.model_copy(update={"seed": seed})
        lots, grouped = draw(distinct, families, seeded)
        own = (row for row in grouped if row.source not in params.train_only)
        best = min(best, (distance(split(own, lots, seeded), params), seed))
        if best[0] <= NEAR:
            break
    return best[1]


def distance(parts: Parts, params: CurateParams) -> float:
    """How far dev and sealed are from their wanted sizes, as a share of these; the worse one. A
    part without any row is farther than all others.
    """
    if not all(parts.values()):
        return float("inf")
    count = sum(map(len, parts.values()))
    wanted = {Split.DEV: params.dev_share * count, Split.SEALED: params.sealed_share * count}
    return max(abs(len(parts[part]) - size) / max(size, 1) for part, size in wanted.items())


def own_rows(made: Curated, params: CurateParams) -> dict[Split, list[Row]]:
    """The parts without what is for training only."""
    return {
        part: [row for row in rows if row.source not in params.train_only]
        for part, rows in made.parts.items()
    }


def refuse_empty(parts: Parts, made: Curated) -> None:
    """Raise InputError for parts of which one has no row, with where the rows are."""
    if not all(parts.values()):
        rows = counted(sum(map(len, parts.values())), "distinct row")
        left = Counter(made.left_out.values())
        out = f"; left out are {reasons(left)}" if left else ""
        raise InputError(
            f"{rows} cannot be split into training, dev and sealed: {len(made.largest_group)} of "
            f"them share a prompt, an answer or a group, or nearly so, and stay together{out}"
        )
