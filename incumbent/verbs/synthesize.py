"""`data synthesize`: rows that a model writes, for people to accept or not."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from curation.checks.waivers import read_waivers
from curation.curation_settings import CurateParams
from curation.proposals import Kinds, Sifted, proposal, seeds, sifted, wishes
from incumbent.importing.writers import (
    Writer,
    draft_of,
    refuse_unreviewed,
    rows_beside,
    write_review,
    writer_of,
)
from incumbent.options import LARGEST, saying_what_stays
from incumbent.output import console
from monitoring.trigger.labels import LABELLED
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.paths import rows_of
from project.records.data import Row, Split, counted
from project.settings import load

REVIEW = Path("datasets/queue/synthetic.json")


@saying_what_stays("interrupted: replies are kept; run it again to go on")
def synthesize(
    rows: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many rows to ask for.")],
    with_: Annotated[
        str, typer.Option("--with", help="base, champion, or an OpenAI-compatible URL with /v1.")
    ],
    model: Annotated[str | None, typer.Option(help="For a server: the model's name.")] = None,
    key_variable: Annotated[
        str | None, typer.Option(help="For a server: the environment variable that holds its key.")
    ] = None,
    kind: Annotated[
        Kinds,
        typer.Option(help="Prompts in other words, new pairs of prompt and answer, or both."),
    ] = "both",
    seed: Annotated[
        int, typer.Option(min=0, help="The seed by which the first rows are chosen.")
    ] = 0,
    to: Annotated[Path, typer.Option(help="The review file; a .jsonl goes beside it.")] = REVIEW,
) -> None:
    """Let a model write rows from training rows, for people to accept or not.

    Seeds are training rows alone. Raises InputError where there are none, or a review still waits.

    $ incumbent data synthesize --rows 100 --with base
    """
    writer = writer_of(with_, model, key_variable)
    refuse_unreviewed(to)
    params, train = load(CurateParams), rows_in(Split.TRAIN)
    asked = wishes(seeds(train, params.train_only, seed), rows, kind)
    print(f"asking {writer.name} for {counted(rows, 'row')}", file=sys.stderr)
    with ended_by_signals():
        replies = writer.replies([wish.question for wish in asked])
    proposed = [
        proposal(wish, reply, writer.name, LABELLED.name)
        for wish, reply in zip(asked, replies, strict=True)
    ]
    # Imported here because faults are found by libraries of an extra.
    from curation.faults.every_fault import FAULTS

    items = [*rows_in(Split.DEV), *rows_in(Split.SEALED)]
    found = sifted(proposed, train, items, FAULTS, read_waivers().ours)
    if found.kept:
        write_review([draft_of(one) for one in found.kept], to)
    print_outcome(found, rows, writer, to)


def rows_in(part: Split) -> tuple[Row, ...]:
    path = rows_of(part)
    if not path.exists():
        raise InputError("nothing is curated yet: run `dvc repro` first", file=path)
    return Row.read_lines(path)


def print_outcome(found: Sifted, count: int, writer: Writer, to: Path) -> None:
    """How many passed, why the others did not, and what a person has to do now."""
    share = len(found.kept) / count
    said = f"{len(found.kept)} of {count} replies of {writer.name} passed ({share:.0%})"
    console.print(said, soft_wrap=True)
    for why, dropped in found.dropped.most_common():
        console.print(f"  dropped: {dropped} {why}", soft_wrap=True)
    if not found.kept:
        console.print("nothing is left to review: try another model, or --kind")
        return
    kinds = Counter(one.wish.kind for one in found.kept)
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    console.print(f"{told}: in {to} for Label Studio, and in {rows_beside(to)}", soft_wrap=True)
    console.print(
        "a person confirms, mends or skips each; then `incumbent data labels EXPORT` accepts them, "
        "for training alone",
        soft_wrap=True,
    )
