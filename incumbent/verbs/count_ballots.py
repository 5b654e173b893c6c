"""`judge ballots`: which version people prefer, whether that is enough, and who agrees."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from evaluation.preference.ballots.ballot_count import (
    Count,
    PairResult,
    PredictionPowered,
    Sides,
    count,
    prediction_powered,
    read_judge,
)
from evaluation.preference.ballots.ballot_files import read_ballots
from evaluation.preference.ballots.ballot_statistics import (
    Consensus,
    ReviewerAgreement,
    VersionStrength,
)
from incumbent.options import Json
from incumbent.output import console, print_json, print_table
from project.errors import InputError

ALPHA = 0.05
ENOUGH = 1 / ALPHA  # of an e-value
ALL = 2 * ENOUGH  # for each pair, where the ballots chose which of its two claims is made
SHOWN = 10  # pairs of reviewers; --json has them all


def count_ballots(
    file: Annotated[Path, typer.Argument(help="Ballots: JSON Lines, one ballot a line.")],
    votes: Annotated[
        int,
        typer.Option(
            min=1, help="An item counts by its first so many ballots; odd, fixed before you look."
        ),
    ] = 1,
    judge: Annotated[
        Path | None,
        typer.Option(
            help="A judge's word on these items and more: JSON Lines of item, left, right and "
            "preference, the chance that the left is preferred."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which version people prefer and who agrees, by anybody's ballots; needs no project.

    Raises InputError naming file, line and field, and for an even number of votes.

    The keys of the JSON are the fields of Count, its records as they are declared, and
    `conclusions`: the sentences of the text, as a list. With a judge, `prediction_powered` has the
    fields of PredictionPowered for the pair of versions with most votes, and `others`, a list of
    the other pairs; it is null where no pair has three closed items.

    $ incumbent judge ballots ballots.jsonl
    """
    if votes % 2 == 0:
        raise InputError(
            "must be odd, so that two versions cannot have equally many", field="--votes"
        )
    tally = count(read_ballots(file), votes)
    both = prediction_powered(tally, read_judge(judge), judge) if judge else None
    if as_json:
        print_json(fields_of(tally, both))
        return
    print_count(tally)
    if both is not None:
        console.print("\nwith the judge, on all of its items", style="bold")
        print_sentences(on_judge(both))


def fields_of(count: Count, both: Sequence[PredictionPowered] | None) -> dict[str, object]:
    sentences = [*on_ratings(count), *on_pairs(count), *on_reviewers(count), *on_sides(count)]
    fields = count.model_dump(mode="json")
    if both is None:
        return fields | {"conclusions": sentences}
    shown = [estimate.model_dump(mode="json") for estimate in both]
    powered = shown[0] | {"others": shown[1:]} if shown else None
    return fields | {"prediction_powered": powered, "conclusions": [*sentences, *on_judge(both)]}


def print_count(count: Count) -> None:
    console.print(
        f"ballots: {count.ballots:,}, reviewers: {count.reviewers:,}, items: {count.items:,}"
    )
    console.print("\nratings, Elo scale", style="bold")
    several = len({rating.group for rating in count.ratings}) > 1
    columns = ("version", ">rating", ">95% interval", ">ballots", *([">group"] if several else []))
    print_table(columns, (rating_cells(rating)[: len(columns)] for rating in count.ratings))
    print_sentences(on_ratings(count))
    console.print("\npairs of versions, item by item", style="bold")
    print_pairs(count.pairs)
    print_sentences(on_pairs(count))
    console.print("\nreviewers", style="bold")
    if count.agreements:
        print_agreements(count.agreements)
    print_sentences([*on_reviewers(count), *on_sides(count)])


def print_sentences(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        console.print(sentence)


def rating_cells(rating: VersionStrength) -> tuple[str, ...]:
    interval = "{:.0f} … {:.0f}".format(*rating.interval) if rating.interval else "unknown"
    return (
        rating.version,
        f"{rating.rating:.0f}",
        interval,
        f"{rating.ballots:,}",
        str(rating.group),
    )


def print_pairs(pairs: Sequence[PairResult]) -> None:
    columns = ("pair", ">won", ">lost", ">tied", ">win rate", ">p", ">E", "")
    print_table(columns, (pair_cells(pair) for pair in pairs))


def pair_cells(pair: PairResult) -> tuple[str | Text, ...]:
    gap = " " if len(pair.first + pair.second) < 15 else "\n"  # to fit eighty columns
    return (
        f"{pair.first}{gap}over {pair.second}",
        f"{pair.wins:,}",
        f"{pair.losses:,}",
        f"{pair.ties:,}",
        "" if pair.win_rate is None else f"{pair.win_rate:.1%}",
        f"{pair.p:.3f}" if pair.p >= 0.001 else "<0.001",
        e_text(pair.e_value),
        Text("preferred", "green") if is_enough(pair) else Text("undecided", "yellow"),
    )


def print_agreements(agreements: Sequence[ReviewerAgreement]) -> None:
    """All pairs of reviewers, or those of many who agree least."""
    least = sorted(agreements, key=lambda pair: 1 if pair.kappa is None else pair.kappa)
    shown = agreements if len(agreements) <= SHOWN else least[:SHOWN]
    columns = ("pair", ">comparisons", ">same choice", ">kappa")
    print_table(columns, (agreement_cells(pair) for pair in shown))
    if more := len(agreements) - len(shown):
        console.print(f"and {more:,} pairs that agree more; --json has them all")


def agreement_cells(pair: ReviewerAgreement) -> tuple[str, ...]:
    return f"{pair.first}, {pair.second}", f"{pair.n:,}", f"{pair.same:,}", kappa_text(pair)


def on_ratings(count: Count) -> list[str]:
    """What the ratings cannot say."""
    sentences = []
    if count.ratings[-1].group > 1:
        sentences.append("versions of different groups never met: their ratings do not compare")
    if unbounded := [rating.version for rating in count.ratings if not rating.bounded]:
        sentences.append(
            f"no finite ratings fit {', '.join(unbounded)}, as some never lost to the others: "
            "each pair that met was given one drawn ballot more"
        )
    return sentences


def on_pairs(count: Count) -> list[str]:
    """Which preferences there is enough evidence for, and how much would be enough for all."""
    pairs, closing = count.pairs, closing_sentence(count)
    if len(pairs) == 1:
        return [one_pair(pairs[0]), closing]
    enough = sum(is_enough(pair) for pair in pairs)
    return [
        f"{enough} of {len(pairs)} pairs: E ≥ {ENOUGH:g}, enough at alpha {ALPHA} for what was to "
        f"be shown from the start; to claim whatever comes out, ask E ≥ {ALL * len(pairs):,g}",
        closing,
    ]


def closing_sentence(count: Count) -> str:
    """A sentence on which of its ballots an item counts by, without which E could not be looked at
    any time.
    """
    by = "its first ballot" if count.votes == 1 else f"the majority of its first {count.votes}"
    sentences = [f"an item counts by {by}: fix that number (--votes) before you look"]
    if waiting := sum(pair.open for pair in count.pairs):
        sentences.append(f"{waiting:,} items have fewer ballots and do not count yet")
    if later := sum(max(0, majority.ballots - count.votes) for majority in count.majorities):
        sentences.append(f"{later:,} later ballots count for ratings and agreement only")
    return "; ".join(sentences)


def one_pair(pair: PairResult) -> str:
    e = e_text(pair.e_value)
    if not pair.items:
        return f"nothing is known of {pair.first} and {pair.second} yet: no item has closed"
    if pair.wins == pair.losses:
        return f"neither {pair.first} nor {pair.second} is preferred: {pair.wins} items each"
    if is_enough(pair):
        given = "" if pair.e_value >= ALL else " if that was to be shown from the start"
        return (
            f"{pair.first} is preferred to {pair.second}: E = {e} ≥ {ENOUGH:g}, "
            f"enough at alpha {ALPHA}{given}"
        )
    return (
        f"{pair.first} is ahead of {pair.second}, but E = {e} < {ENOUGH:g}: "
        f"not enough at alpha {ALPHA}"
    )


def on_reviewers(count: Count) -> list[str]:
    consensus = count.consensus
    if not consensus.n:
        return ["no comparison was judged twice: whether reviewers agree is unknown"]
    on = f"on {consensus.n:,} comparisons that were judged twice or more"
    if consensus.kappa is None:
        return [f"all made the same choice {on}: Fleiss' kappa is undefined"]
    kappa = f"Fleiss' kappa {kappa_text(consensus)} {on}"
    if consensus.se is None:
        return [kappa]
    beyond = consensus.kappa > 2 * consensus.se
    return [f"reviewers {'agree beyond' if beyond else 'may agree by'} chance: {kappa}"]


def on_sides(count: Count) -> list[str]:
    """Whether reviewers favour a side, where that differs from favouring a version."""
    return [side_sentence(count.sides)] if count.sides else []


def side_sentence(sides: Sides) -> str:
    low, high = sides.interval
    left = (
        f"the left won {sides.left_share:.0%} of {sides.decided:,} decided ballots "
        f"(95% interval {low:.0%} … {high:.0%})"
    )
    if abs(sides.better_left - 0.5) > sides.decided**-0.5:  # two standard errors
        placed = f"the better rated version stood there in {sides.better_left:.0%}"
        return f"{left}; but {placed}: shuffle the sides to tell a habit from a preference"
    return f"{left}: {'no side is' if low <= 0.5 <= high else 'a side is'} favoured"


def on_judge(both: Sequence[PredictionPowered]) -> list[str]:
    """What people and the judge say together, and what that rests on."""
    if not both:
        return ["no pair of versions has three items with votes that the judge speaks of"]
    return [
        *(powered_sentence(estimate) for estimate in both),
        "this takes the items with votes for a random sample of the judge's items: items that were "
        "picked by hand would shift it",
    ]


def powered_sentence(powered: PredictionPowered) -> str:
    low, high = powered.interval
    rests = f"{powered.votes:,} of {powered.items:,} items have votes"
    if powered.saved > 0:
        rests += f"; without the judge {powered.saved:,} more would be needed for this interval"
    else:
        rests += "; the judge saves no votes"
    return (
        f"{powered.first} over {powered.second}: {powered.estimate:.1%} "
        f"(95% interval {low:.1%} … {high:.1%}); {rests}"
    )


def is_enough(pair: PairResult) -> bool:
    return pair.e_value >= ENOUGH


def kappa_text(agreement: ReviewerAgreement | Consensus) -> str:
    if agreement.kappa is None:
        return "undefined"
    return f"{agreement.kappa:z.2f}" + (
        f" ± {agreement.se:.2f}" if agreement.se is not None else ""
    )


def e_text(value: float) -> str:
    """An e-value in at most six signs."""
    if value < 100:
        return f"{value:.2f}"
    return f"{value:,.0f}" if value < 100_000 else f"{value:.0e}"
