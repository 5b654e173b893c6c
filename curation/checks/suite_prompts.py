"""What the suites ask, for ability, safety and the like: no row is to teach it."""

from pathlib import Path

from project.errors import InputError
from project.records.record import read_input, read_object

DATASETS = Path("datasets")
SUITES = ("consistency", "general", "safety")  # its folders of questions that nobody trains on


def suite_prompts(datasets: Path = DATASETS) -> list[str]:
    """The prompts of all their items; none where there is no suite. Raises InputError."""
    files = [file for suite in SUITES for file in sorted((datasets / suite).glob("*.jsonl"))]
    return [prompt for file in files for prompt in prompts_of(file)]


def prompts_of(file: Path) -> list[str]:
    found = []
    for number, line in enumerate(read_input(file).split(b"\n"), start=1):
        if line.strip():
            item = read_object(line, file, number)
            field = "phrasings" if "phrasings" in item else "prompt"
            asked = item["phrasings"] if "phrasings" in item else [item.get("prompt")]
            if not isinstance(asked, list) or not all(isinstance(text, str) for text in asked):
                raise InputError("must be a text", file=file, line=number, field=field)
            found += asked
    return found
