"""Names of control tokens in what a caller writes, before engines that read them as tokens.

The embedded backend reads them as letters. vLLM and SGLang write a chat as one text and cut it into
tokens by themselves: there, whoever writes the name of one could end a message and begin one of the
system's. No field of theirs keeps a name from becoming its token, so such a request is refused.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from project.chat_template import TEMPLATE
from project.model_pins import folder_here
from project.records.adapters import ModelPin
from serving.openai_api.request_body import ApiError

# What the tokens of known families look like, where the base's tokenizer is not on this machine.
SHAPES = re.compile(
    r"<\|[^<>\s]{1,64}\|>|</?s>|<(?:bos|eos|pad|unk|(?:start|end)_of_turn)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
)
# A model writes these in its own turn, which clients send back. They end no turn.
WRITTEN = frozenset(("<think>", "</think>", "<tool_call>", "</tool_call>"))
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
IN_PROMPT = ("tools", "tool_choice", "reasoning_effort")  # fields that templates write out, too


def refuse_control_tokens(fields: Mapping[str, Any], base: ModelPin, engine: str) -> None:
    """Raise ApiError, with the token and the number of the message, for a chat that names one."""
    names = control_names(base)
    told = {f"messages.{i}": turn for i, turn in enumerate(fields["messages"])}
    told |= {name: fields[name] for name in IN_PROMPT if fields.get(name) is not None}
    for field, value in told.items():
        for text in texts_in(value):
            if found := names.search(text) or names.search(unicodedata.normalize("NFKC", text)):
                raise control_token_error(field, found[0], engine)


def control_token_error(field: str, token: str, engine: str) -> ApiError:
    problem = (
        f"`{field}` holds {token}, a control token of the model, which the engine here ({engine}) "
        "would not read as text. Leave it out, or write it with a space in it."
    )
    logged = f"`{field}` holds a control token"
    return ApiError(400, problem, param=field, code="control_token", logged=logged)


def texts_in(value: object) -> Iterator[str]:
    """All texts in a value, and the parts of a content as one: templates put them side by side."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(texts_in, (*value, *value.values())))
    elif isinstance(value, list):
        parts = (part.get("text") for part in value if isinstance(part, dict))
        yield "".join(part for part in parts if isinstance(part, str))
        yield from chain.from_iterable(map(texts_in, value))


@lru_cache(maxsize=64)
def control_names(base: ModelPin) -> re.Pattern[str]:
    """Finds the names of a base's special tokens, and of others that its chat template writes."""
    folder = folder_here(base)
    found = sorted(names_in(folder), key=len, reverse=True) if folder else []
    return re.compile("|".join(map(re.escape, found))) if found else SHAPES


def names_in(folder: Path) -> set[str]:
    told, config, others = map(read, (folder / name for name in FILES))
    added = [*told.get("added_tokens", ()), *config.get("added_tokens_decoder", {}).values()]
    special = {one["content"] for one in added if one.get("special")}
    for said in (config, others):  # such as eos_token; "add_eos_token" is no name
        named = [value for name, value in said.items() if name.endswith("_token")]
        for one in (*named, *said.get("additional_special_tokens", ())):
            name = one.get("content") if isinstance(one, dict) else one
            special |= {name} if isinstance(name, str) else set()
    template = folder / TEMPLATE
    text = template.read_text("utf-8") if template.is_file() else str(config.get("chat_template"))
    written = {one["content"] for one in added if one["content"] in text} - WRITTEN
    return {name for name in special | written if name.strip()}


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found
