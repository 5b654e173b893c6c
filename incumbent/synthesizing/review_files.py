"""The files in which synthetic rows wait for a person: for Label Studio, and as JSON Lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.synthesis.proposals import Proposal
from monitoring.trigger.labels import prediction
from project.canonical import canonical_json
from project.errors import InputError
from project.files import write_bytes, write_lines

REVIEW = Path("datasets/queue/synthetic.json")


def rows_beside(path: Path) -> Path:
    """Where the JSON Lines of a review file lie."""
    return path.with_suffix(".jsonl")


def refuse_unreviewed(path: Path) -> None:
    """Raise InputError where a file may still wait for its review, or has the lines' own name."""
    if path.suffix != ".json":
        raise InputError("must be named .json: the rows go beside it, as .jsonl", file=path)
    for file in (path, rows_beside(path)):
        if file.exists():
            problem = "is there already, and may wait for its review: move it, or use --to"
            raise InputError(problem, file=file)


def write_review(proposals: Sequence[Proposal], path: Path) -> None:
    """Write both files, each whole or not at all. The model's text is a draft, and no label."""
    rows = [canonical_json(row_with_seed(one)) for one in proposals]
    write_lines(rows_beside(path), rows)
    write_bytes(path, canonical_json([task(one) for one in proposals]) + b"\n")


def row_with_seed(one: Proposal) -> dict[str, Any]:
    """A row as `data labels` reads it; `about` is for people, and left aside there."""
    seed = one.wish.seed
    texts = {"prompt": seed.prompt_text, "completion": seed.completion_text}
    about = {"kind": one.wish.kind, "seed": seed.id, **texts}
    return {**one.row.model_dump(mode="json"), "about": about}


def task(one: Proposal) -> dict[str, Any]:
    """As the labelling queue has it, so that one labelling config is for both."""
    row, seed = one.row, one.wish.seed
    data: dict[str, Any] = {
        "id": row.id,
        "prompt": row.prompt_text,
        "response": f"made of: {seed.prompt_text}\n\n{seed.completion_text}",
        "synthetic": row.synthetic,
        "kind": one.wish.kind,
    }
    if len(row.prompt) > 1:
        data["messages"] = [message.model_dump() for message in row.prompt]
    draft = prediction(row.completion_text, str(row.synthetic))
    return {"data": data, "meta": {"seed": seed.id}, "predictions": [draft]}
