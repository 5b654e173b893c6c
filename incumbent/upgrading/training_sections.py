"""The keys of `training` move to the sections of the steps that they are of, comments and all."""

from typing import Any

import yaml

from incumbent.recipes.yaml_text import after_line, deepest, end_of, replaced, written
from incumbent.upgrading.settings_text import checked
from incumbent.upgrading.step import SETTINGS, Change, Project

ADAPTER = ("r", "alpha", "dropout", "quantization", "dequantize_once", "seed")
SFT = (
    "rows",
    "epochs",
    "learning_rate",
    "batch_size",
    "gradient_accumulation",
    "warmup_share",
    "gradient_checkpointing",
)
SECTION_OF = dict.fromkeys(ADAPTER, "adapter") | dict.fromkeys(SFT, "sft")


def move(project: Project) -> Change:
    text = project.text(SETTINGS)
    key, training, left = deepest(yaml.compose(text, Loader=yaml.SafeLoader), ["training"])
    keys = [name for name, _ in training.value] if not left and mapping(training) else []
    if not any(name.value in SECTION_OF for name in keys):
        return {}
    old = yaml.safe_load(text)
    wanted = old | {"training": moved(old["training"])}
    if training.flow_style or set(old["training"]) - SECTION_OF.keys():
        new = replaced(text, key, training, written(wanted["training"]))
    else:
        new = with_lines_moved(text, training)
    return {SETTINGS: checked(new, wanted)}


def mapping(node: Any) -> bool:
    return isinstance(node, yaml.MappingNode)


def moved(training: dict[str, Any]) -> dict[str, Any]:
    """What the section is to say."""
    found: dict[str, Any] = {"adapter": {}, "sft": {}}
    for name, value in training.items():
        if name in SECTION_OF:
            found[SECTION_OF[name]][name] = value
        else:
            found[name] = {**found[name], **(value or {})} if name in found else value
    return {name: values for name, values in found.items() if values != {}}


def with_lines_moved(text: str, training: yaml.MappingNode) -> str:
    """Each key's lines, with the comments above and beside it, two columns further in."""
    first = training.value[0][0].start_mark
    begin, end = first.index - first.column, after_line(text, end_of(training))
    lines: dict[str, list[str]] = {"adapter": [], "sft": []}
    place = begin
    for name, value in training.value:
        stop = after_line(text, end_of(value))
        section = lines[SECTION_OF[name.value]]
        section += [
            f"  {line}" if line.strip() else line for line in text[place:stop].splitlines(True)
        ]
        place = stop
    margin = " " * first.column
    block = [
        "".join([f"{margin}{section}:\n", *below]) for section, below in lines.items() if below
    ]
    return text[:begin] + "".join(block) + text[end:]
