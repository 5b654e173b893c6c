"""Small projects cut short: most of what they answer is their suites', most of what they learn is
the reward model's.
"""

from pathlib import Path

import yaml

from curation.checks.relevance import SUITES


def shorten_suites(project: Path, lines: int) -> None:
    """Leave the first lines of each file."""
    for suite in SUITES:
        for file in (project / "datasets" / suite).glob("*.jsonl"):
            file.write_text("".join(file.read_text().splitlines(keepends=True)[:lines]))


def shorten_training(project: Path) -> None:
    """Let the reward model learn from few rows, and step sft read each once."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["evaluation"]["preference"]["reward"]["rows"] = 24
    params["training"]["sft"]["epochs"] = 1
    (project / "params.yaml").write_text(yaml.safe_dump(params))
