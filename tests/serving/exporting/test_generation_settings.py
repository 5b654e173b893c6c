"""Where a caller names no settings, an export answers as it was judged."""

import json
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding
from serving.exporting.export_forms import write_settings


def written(decoding: Decoding, **own: Any) -> dict[str, Any]:
    """The settings of an export whose base has these of its own."""
    base, folder = Path("base"), Path("out")
    for made in (base, folder):
        made.mkdir()
    (base / "generation_config.json").write_text(json.dumps(own))
    write_settings(base, folder, decoding)
    found: dict[str, Any] = json.loads((folder / "generation_config.json").read_bytes())
    return found


def test_the_base_keeps_its_end_tokens_and_loses_its_own_sampling() -> None:
    own = {"eos_token_id": [1, 3], "temperature": 0.6, "top_k": 20, "repetition_penalty": 1.05}
    assert written(Decoding(max_new_tokens=7), **own) == {
        "eos_token_id": [1, 3],
        "do_sample": False,
        "max_new_tokens": 7,
    }


def test_answers_that_were_drawn_are_drawn_from_all_tokens() -> None:
    found = written(Decoding(temperature=0.7, samples=2))
    assert (found["do_sample"], found["temperature"]) == (True, 0.7)
    assert (found["top_k"], found["top_p"]) == (0, 1.0)
