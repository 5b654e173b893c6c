"""An edited params.yaml, held against what it is to say."""

from typing import Any

import yaml

from incumbent.recipes.yaml_text import written
from incumbent.upgrading.step import SETTINGS, ByHand


def checked(text: str, wanted: dict[str, Any]) -> bytes:
    """The text's bytes. Raises ByHand where it does not say what is wanted: an anchor, perhaps."""
    try:
        if yaml.safe_load(text) == wanted:
            return text.encode()
    except yaml.YAMLError:
        pass
    told = (f"{name}: {written(value)}" for name, value in wanted.items())
    lines = ["cannot be edited by a program. Write it so that it says:", *told]
    raise ByHand([f"{SETTINGS}: {lines[0]}", *lines[1:]])
