"""Under which licence a base model stands, as far as its own files say."""

from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import yaml

from project.model_pins import EMBEDDED, EMBEDDED_PACKAGE
from project.records.adapters import ModelPin


def licence(base: ModelPin) -> str | None:
    """An identifier such as "apache-2.0", or None where nothing on this machine names one."""
    if base.model == EMBEDDED:
        return of_package(EMBEDDED_PACKAGE["base"])
    folder = Path(base.model).expanduser()
    if folder.is_dir():
        return of_card(folder / "README.md")
    return of_card(fetched_card(base.model, base.revision)) if base.revision else None


def fetched_card(name: str, revision: str) -> Path | None:
    """Where the card of a Hub model lies if it was fetched; a licence is no reason to fetch it."""
    # Imported here because only users of the Hub pay for it.
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ModuleNotFoundError:  # of the extra `train`, and a card is shown without it
        return None
    try:
        found = try_to_load_from_cache(name, "README.md", revision=revision)
    except HFValidationError:
        found = None
    return Path(found) if isinstance(found, str) else None


def of_package(name: str) -> str | None:
    """What an installed package states, by its SPDX expression or the older field."""
    try:
        stated = metadata(name)
    except PackageNotFoundError:
        return None
    found = stated.get_all("License-Expression") or stated.get_all("License") or ()
    return next((str(name).lower() for name in found if "\n" not in name), None)


def of_card(card: Path | None) -> str | None:
    """What the front matter of a model card states, as Hugging Face has it."""
    if card is None or not card.is_file():
        return None
    before, _, rest = card.read_text(errors="replace").partition("---\n")
    if before.strip():
        return None
    try:
        found = yaml.safe_load(rest.partition("\n---")[0])
    except yaml.YAMLError:
        return None
    stated = found.get("license") if isinstance(found, dict) else None
    return stated if isinstance(stated, str) else None
