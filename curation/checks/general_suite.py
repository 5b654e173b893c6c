"""What the general-ability suite asks: no row is to teach it."""

from pathlib import Path

from project.errors import InputError
from project.records.record import read_input, read_object

SUITE = Path("datasets/general")


def general_prompts(folder: Path = SUITE) -> list[str]:
    """The prompts of all its items; none where there is no suite. Raises InputError."""
    return [prompt for file in sorted(folder.glob("*.jsonl")) for prompt in prompts_of(file)]


def prompts_of(file: Path) -> list[str]:
    found = []
    for number, line in enumerate(read_input(file).split(b"\n"), start=1):
        if line.strip():
            prompt = read_object(line, file, number).get("prompt")
            if not isinstance(prompt, str):
                raise InputError("must be a text", file=file, line=number, field="prompt")
            found.append(prompt)
    return found
