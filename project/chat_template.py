"""A chat template of the project's own, for a base that has none or the wrong one.

The base stays as it is. What is loaded is a folder of links to its files, with the template among
them: so training, answers, counts and exports read the same one, and no caller has to know.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from project.canonical import digest_json
from project.errors import InputError
from project.files import home, staged_folder
from project.records.data import Message

TEMPLATE = "chat_template.jinja"
TOKENIZER_CONFIG = "tokenizer_config.json"
OLDER = (TEMPLATE, "chat_template.json", "additional_chat_templates")  # where a base has its own
FIELD = "base.chat_template"


def read_template(file: Path) -> str:
    """Raises InputError where there is none in it."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text in UTF-8"
        raise InputError(reason or "cannot be read", file=file, field=FIELD) from None
    if not text.strip():
        raise InputError("is empty: it is to be a chat template in Jinja", file=file, field=FIELD)
    return text


def with_template(base: Path, template: str) -> Path:
    """A folder with the base's files and this template; made where it is not there yet."""
    names = sorted(path.name for path in base.iterdir() if path.name not in OLDER)
    config = base / TOKENIZER_CONFIG
    settings = config.read_bytes() if config.is_file() else b"{}"
    key = digest_json([str(base.resolve()), names, settings.decode(), template])
    target = home() / "models" / f"{base.name}-{key[:16]}"
    if not whole(target):
        with staged_folder(target) as draft:
            for name in names:
                (draft / name).symlink_to(base.resolve() / name)
            (draft / TEMPLATE).write_text(template)
            put_config(json.loads(settings), draft / TOKENIZER_CONFIG)
    return target


def whole(folder: Path) -> bool:
    """Whether it is there, and each of its links leads to a file."""
    return folder.is_dir() and all(path.exists() for path in folder.iterdir())


def put_config(config: dict[str, object], file: Path) -> None:
    """The tokenizer's settings without a template, in place of the link to them."""
    if config.pop("chat_template", None) is not None:
        file.unlink()
        file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def missing_template(base: Path) -> InputError:
    return InputError(
        "has no chat template, by which it reads a question: choose a base that was tuned to "
        f"answer, such as one that is called Instruct, or set {FIELD} to a file with a template "
        "(docs/how-to/base-models.md has one for any base)",
        file=base,
        field="base.model",
    )


# --- system prompt --------------------------------------------------------------------------------

# A contestant's system prompt, in front of everything that it is asked.

SYSTEM_PROMPT = "system_prompt.txt"  # in an adapter's folder, where it has one
PROMPT_FIELD = "base.system_prompt"  # where the project gives its own
PROBE = "Is this heard?"


def under(system_prompt: str | None, prompt: Sequence[Message]) -> tuple[Message, ...]:
    """A prompt as a contestant gets it: with its system prompt in front.

    Many chat templates take one system message alone, the first. So a row's own comes behind the
    contestant's, after a blank line, in one message.
    """
    if system_prompt is None:
        return tuple(prompt)
    systems = [message.content for message in prompt if message.role == "system"]
    turns = [message for message in prompt if message.role != "system"]
    return (Message(role="system", content="\n\n".join([system_prompt, *systems])), *turns)


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
    # A literal of Jinja: what could end it, or a line of it, is escaped.
    escaped = system_prompt.replace("\\", "\\\\").replace("'", "\\'")
    for character, short in (("\n", "\\n"), ("\r", "\\r"), ("{", "\\x7b"), ("}", "\\x7d")):
        escaped = escaped.replace(character, short)
    literal = f"'{escaped}'"
    return (
        f"{{%- set own_prompt = {literal} -%}}"
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
