"""A contestant's system prompt, in front of everything that it is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from project.errors import InputError
from project.records.data import Message

SYSTEM_PROMPT = "system_prompt.txt"  # in an adapter's folder, where it has one
FIELD = "base.system_prompt"  # where the project gives its own
PROBE = "Is this heard?"


def under(system_prompt: str | None, prompt: Sequence[Message]) -> tuple[Message, ...]:
    """A prompt as a contestant gets it: with its system prompt in front.

    Many chat templates take one system message alone, the first. So a row's own comes behind the
    contestant's, after a blank line, in one message.
    """
    if system_prompt is None:
        return tuple(prompt)
    own = [message.content for message in prompt if message.role == "system"]
    turns = [message for message in prompt if message.role != "system"]
    return (Message(role="system", content="\n\n".join([system_prompt, *own])), *turns)


def refuse_unheard(
    tokenizer: Any, system_prompt: str | None, base: Path, field: str | None = None
) -> None:
    """Raise InputError where a base's chat template refuses a system prompt, or leaves it out.

    The tokenizer is one of transformers, which has no types. `field` is where the prompt was given,
    if that is known: an adapter from elsewhere brings its own.
    """
    if system_prompt is None:
        return
    asked = under(system_prompt, [Message(role="user", content=PROBE)])
    turns = [message.model_dump() for message in asked]
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        problem = f"refuses a system prompt: {error}"
    else:
        if system_prompt.strip() in text:
            return
        problem = "leaves a system prompt out"
    raise InputError(
        f"the chat template of {base} {problem}; take it out, or choose a base that knows the "
        "role `system`",
        field=field,
    )


def with_system_prompt(template: str, system_prompt: str) -> str:
    """A chat template that puts the system prompt in front by itself, as `under` does."""
    own = jinja_text(system_prompt)
    return (
        f"{{%- set own_prompt = {own} -%}}"
        "{%- if messages and messages[0]['role'] == 'system' -%}"
        "{%- set row_prompt = messages[0]['content'] -%}"
        "{%- if row_prompt is not string -%}"  # some write it as a list of parts
        "{%- set row_prompt = (row_prompt or []) | selectattr('text', 'defined') "
        "| map(attribute='text') | join -%}"
        "{%- endif -%}"
        "{%- set own_prompt = own_prompt + '\\n\\n' + row_prompt -%}"
        "{%- set messages = messages[1:] -%}"
        "{%- endif -%}"
        "{%- set messages = [{'role': 'system', 'content': own_prompt}] + messages -%}"
        f"{template}"
    )


def jinja_text(text: str) -> str:
    """A literal of Jinja: what could end it, or a line of it, is escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    for character, short in (("\n", "\\n"), ("\r", "\\r"), ("{", "\\x7b"), ("}", "\\x7d")):
        escaped = escaped.replace(character, short)
    return f"'{escaped}'"
