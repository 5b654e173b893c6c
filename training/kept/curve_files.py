"""The files of a learning curve that `dvc plots` looks for, in the folder of each step."""

from pathlib import Path

from project.files import write_bytes

# Of dvc.yaml's plots; DVCLive writes each where it was measured.
CURVES = ("loss", "learning_rate", "eval_loss", "eval_perplexity")


def fill_up_curves(step: Path) -> None:
    """Write those that a step has not, with a head and no line: DVC warns of missing ones."""
    for name in CURVES:
        file = step / "plots" / "metrics" / f"{name}.tsv"
        if not file.exists():
            write_bytes(file, f"step\t{name}\n".encode())
