"""The suites of a project cut short, for most of what a small one answers is theirs."""

from pathlib import Path

from curation.checks.relevance import SUITES


def shorten_suites(project: Path, lines: int) -> None:
    """Leave the first lines of each file."""
    for suite in SUITES:
        for file in (project / "datasets" / suite).glob("*.jsonl"):
            file.write_text("".join(file.read_text().splitlines(keepends=True)[:lines]))
