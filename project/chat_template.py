"""A chat template of the project's own, for a base that has none or the wrong one.

The base stays as it is. What is loaded is a folder of links to its files, with the template among
them: so training, answers, counts and exports read the same one, and no caller has to know.
"""

import json
from pathlib import Path

from project.canonical import digest_json
from project.errors import InputError
from project.files import home, staged_folder

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
    own = config.read_bytes() if config.is_file() else b"{}"
    key = digest_json([str(base.resolve()), names, own.decode(), template])
    target = home() / "models" / f"{base.name}-{key[:16]}"
    if not whole(target):
        with staged_folder(target) as draft:
            for name in names:
                (draft / name).symlink_to(base.resolve() / name)
            (draft / TEMPLATE).write_text(template)
            put_config(json.loads(own), draft / TOKENIZER_CONFIG)
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
        "(docs/bases.md has one for any base)",
        file=base,
        field="base.model",
    )
