"""How the exported version answers where a caller names no settings: as it was judged."""

import json
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding

FILE = "generation_config.json"
ENDS = ("bos_token_id", "eos_token_id", "pad_token_id")  # the base's, which end an answer


def write_settings(base: Path, folder: Path, decoding: Decoding) -> None:
    """The base's own sampling settings and penalties are left out: it was judged without them."""
    own = read(base / FILE) or read(base / "config.json")
    ids = {name: own[name] for name in ENDS if own.get(name) is not None}
    text = json.dumps(ids | settings(decoding), indent=2, sort_keys=True)
    (folder / FILE).write_text(text + "\n")


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_bytes()) if file.is_file() else {}
    return found


def settings(decoding: Decoding) -> dict[str, Any]:
    """In the words of transformers' GenerationConfig."""
    limit = {"max_new_tokens": decoding.max_new_tokens}
    if not decoding.temperature:
        return {"do_sample": False} | limit
    drawn = {"do_sample": True, "temperature": decoding.temperature, "top_k": 0, "top_p": 1.0}
    return drawn | limit
