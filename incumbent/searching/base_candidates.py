"""Base models that might do: found, pinned, and looked at before one is loaded."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

import yaml

from project.errors import InputError
from project.model_pins import (
    EMBEDDED,
    EMBEDDED_PACKAGE,
    BaseChoice,
    chat_template_digest,
    locate,
    pin,
)
from project.records.adapters import ModelPin, Numerics
from project.settings import load
from training.base import prepare
from training.model.usable_base import refuse_too_large, stored_weights
from training.precision import measure_machine

AT = re.compile(r"(?P<model>[^@]+)@(?P<revision>[^@]+)")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT = 7  # digits of a commit in a name, as git has them
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Candidate:
    """A base that is named, and what is known of it; a problem, in words, where it cannot be."""

    choice: BaseChoice
    pin: ModelPin | None = None
    weights: int | None = None  # how many
    license: str | None = None  # None: it does not say
    problem: str | None = None

    @property
    def name(self) -> str:
        """The name with the start of its revision: two of one model are two bases."""
        if self.choice.model == EMBEDDED and self.pin:
            return self.pin.name
        model, revision = self.choice.model.rstrip("/"), self.choice.revision
        return model if revision is None else f"{model}@{short(revision)}"


def read_name(name: str) -> BaseChoice:
    """A folder, a Hub id with a revision such as org/name@COMMIT, or `embedded`."""
    parts = AT.fullmatch(name)
    if parts and not Path(name).expanduser().is_dir():
        return BaseChoice(model=parts["model"], revision=parts["revision"])
    return BaseChoice(model=name)


def refuse_twice(choices: Sequence[BaseChoice]) -> None:
    """Raise InputError where two names, however they are written, are those of one base."""
    seen = set[tuple[str, str | None]]()
    for choice in choices:
        folder, named = Path(choice.model).expanduser(), choice.model.rstrip("/")
        if choice.model != EMBEDDED and folder.is_dir():
            named = str(folder.resolve())
        if (named, choice.revision) in seen:
            raise InputError(f"{choice.model} is named twice")
        seen.add((named, choice.revision))


def short(revision: str) -> str:
    """The start of a commit, or a whole name of another kind."""
    return revision[:SHORT] if COMMIT.fullmatch(revision) else revision


def find(choice: BaseChoice, numerics: Numerics) -> Candidate:
    """Fetch a base where it is not here, and pin it. One that cannot be had or used, or whose
    weights do not fit, keeps its problem: the others are ranked without it.

    A base without a chat template is asked with the project's, where that has one.
    """
    try:
        choice = with_template(choice)
        folder = prepare(choice)
        if not measure_machine().gpu:  # beside a GPU, weights without room on it lie in memory
            refuse_too_large(folder, numerics)
    except InputError as error:
        return Candidate(choice, problem=str(error))
    return Candidate(
        choice, pin(choice, "base"), stored_weights(folder), license_of(choice, folder)
    )


def with_template(choice: BaseChoice) -> BaseChoice:
    ours = load(BaseChoice).chat_template
    if choice.model == EMBEDDED or ours is None or chat_template_digest(locate(choice, "base")):
        return choice
    return choice.model_copy(update={"chat_template": ours})


def license_of(choice: BaseChoice, folder: Path) -> str | None:
    """The license that its package, its README or its configuration names; None where none does."""
    if choice.model == EMBEDDED:
        told = metadata(EMBEDDED_PACKAGE["base"]).json
        named = told.get("license_expression") or told.get("license")
        return str(named) if named else None
    card = folder / "README.md" if choice.revision is None else card_on_hub(choice)
    return license_in_readme(card) or license_in_config(folder / "config.json")


def card_on_hub(choice: BaseChoice) -> Path:
    """A model card is no part of what is fetched of a base. Without one: no such file."""
    # Imported here because only users of the Hub pay for it.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(choice.model, "README.md", revision=choice.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError):
        return Path(choice.model) / "README.md"


def license_in_readme(file: Path) -> str | None:
    """What the head of a model card says: `license`, or `license_name` where that is "other"."""
    text = file.read_text(errors="replace") if file.is_file() else ""
    head = FRONT_MATTER.match(text)
    try:
        told = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return None
    if not isinstance(told, dict):
        return None
    named = told.get("license")
    named = told.get("license_name", named) if named == "other" else named
    return named if isinstance(named, str) else None


def license_in_config(file: Path) -> str | None:
    told = json.loads(file.read_bytes()) if file.is_file() else {}
    named = told.get("license")
    return named if isinstance(named, str) else None
