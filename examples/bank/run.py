"""Lindmoor Bank, from documents to a second round: `make bank`.

Each step is a command that a user would type; between them the simulated reviewers vote. A step
that is done is not done again: its result lies in `results/` of the project's folder, and what the
pipeline made is DVC's. docs/explain/bank.md tells the story.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from examples.bank import closed_book, grounded
from examples.bank.facts import HERE

ROOT = HERE.parents[1]
FOLDERS = {
    (False, False): "bank",
    (False, True): "bank-brief",
    (True, False): "bank-closed-book",
    (True, True): "bank-closed-book-brief",
}


def main() -> None:
    given = parsed()
    story = closed_book if given.closed_book else grounded
    story.run(given.to.resolve(), brief=given.brief)


def parsed(arguments: Sequence[str] | None = None) -> Namespace:
    """Each story has a folder of its own."""
    parser = ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--to", type=Path, help="A folder; else one in .incumbent.")
    parser.add_argument(
        "--closed-book", action="store_true", help="Without passages, as the comparison."
    )
    parser.add_argument(
        "--brief",
        action="store_true",
        help="The story in small; with --closed-book the recipe `brief`, on nearly all rows.",
    )
    given = parser.parse_args(arguments)
    name = FOLDERS[given.closed_book, given.brief]
    given.to = given.to or ROOT / ".incumbent" / name
    return given


if __name__ == "__main__":
    main()
