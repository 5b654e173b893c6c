"""Every key of params.yaml, and every word that a key may have for a value.

    python -m tests.projects.settings_keys

Writes them to tests/projects/settings-VERSION.txt, once a version: what is in it stays readable.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from project.settings import SECTIONS, VERSION, model_of

FILE = Path(__file__).with_name(f"settings-{VERSION}.txt")


def main() -> None:
    FILE.write_text("".join(f"{line}\n" for line in every_key()))


def every_key() -> list[str]:
    found = set()
    for section in SECTIONS:
        schema = model_of(section).model_json_schema()
        found |= set(keys(schema, section, schema.get("$defs", {})))
    return sorted(found)


def keys(schema: dict[str, Any], path: str, defs: dict[str, Any]) -> Iterator[str]:
    """Such as `training.adapter.quantization` and `training.adapter.quantization: int8`."""
    if "$ref" in schema:
        yield from keys(defs[schema["$ref"].rpartition("/")[2]], path, defs)
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from keys(inner, f"{path}.{name}", defs)
    for word in [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]:
        yield f"{path}: {word}"
    inner = [schema[name] for name in ("items", "additionalProperties") if name in schema]
    for one in [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *inner]:
        if isinstance(one, dict):
            yield from keys(one, path, defs)


if __name__ == "__main__":
    main()
