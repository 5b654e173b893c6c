"""The base that a new project is to start from, told early if it cannot be one."""

from pathlib import Path

from project.errors import InputError
from project.model_pins import EMBEDDED, BaseChoice, locate

NEEDED = ("config.json", "*.safetensors", "tokenizer*")


def chosen_base(choice: BaseChoice) -> BaseChoice:
    """The same; a folder by its whole path, for the project lies elsewhere.

    Raises InputError for a folder that holds no model, and for an id of the Hub without a commit.
    """
    if choice.model == EMBEDDED:
        locate(choice, "base")
        return choice
    folder = Path(choice.model).expanduser()
    if folder.is_dir():
        refuse_no_model(folder)
        return choice.model_copy(update={"model": str(folder.resolve())})
    if choice.revision is None:
        raise InputError(
            f"{choice.model!r} is no folder here; an id of the Hub needs --revision COMMIT, so "
            "that runs repeat",
            field="--base",
        )
    return choice


def refuse_no_model(folder: Path) -> None:
    for pattern in NEEDED:
        if not any(folder.glob(pattern)):
            raise InputError(
                f"holds no model: {pattern} is missing. A model in the format of Hugging Face is "
                "needed, with safetensors",
                file=folder,
                field="--base",
            )
