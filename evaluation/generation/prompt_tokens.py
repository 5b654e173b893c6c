"""The tokens of a chat, as evaluation judges and the embedded backend serves it."""

from collections.abc import Mapping, Sequence
from typing import Any

Chat = Sequence[Mapping[str, Any]]


def chat_tokens(
    tokenizer: Any,
    messages: Chat,
    *,
    tools: Chat | None = None,
    add_generation_prompt: bool = False,
) -> list[int]:
    """The ids of the messages under the tokenizer's chat template.

    The template alone writes control tokens. Their names in a text, such as <|im_end|>, are read as
    letters: else whoever writes a message could end it and begin one of the system's.

    Raises what the template raises, and ValueError for a tokenizer that makes a control token of
    plain letters.
    """
    encoded = tokenizer.apply_chat_template(
        list(messages),
        tools=tools,
        add_generation_prompt=add_generation_prompt,
        return_dict=True,
        sanitize_control_tokens=True,
    )
    return list(encoded["input_ids"])
