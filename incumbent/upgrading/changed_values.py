"""Values that settings no longer take, for those that mean the same now."""

import yaml

from incumbent.recipes.yaml_text import after_line, deepest, end_of, with_value
from incumbent.upgrading.settings_text import checked
from incumbent.upgrading.step import SETTINGS, Change, Project

FAULTY = ["curation", "curate", "faulty"]
REWARD = ["evaluation", "preference", "reward"]


def keep_faulty_rows(project: Project) -> Change:
    """`refuse` kept the rows and let the gate speak; `keep` is its name."""
    text = project.text(SETTINGS)
    _, value, left = deepest(yaml.compose(text, Loader=yaml.SafeLoader), FAULTY)
    if left or value.value != "refuse":
        return {}
    wanted = yaml.safe_load(text)
    wanted["curation"]["curate"]["faulty"] = "keep"
    return {SETTINGS: checked(with_value(text, FAULTY, "keep"), wanted)}


def drop_lora_of_embedder(project: Project) -> Change:
    text = project.text(SETTINGS)
    key, value, left = deepest(yaml.compose(text, Loader=yaml.SafeLoader), [*REWARD, "lora"])
    wanted = yaml.safe_load(text)
    if left or value.value in ("null", "~", ""):
        return {}
    reward = wanted["evaluation"]["preference"]["reward"]
    if reward.get("model", "embedder") != "embedder":
        return {}
    reward["lora"] = None
    if value.start_mark.line == key.start_mark.line:
        return {SETTINGS: checked(with_value(text, [*REWARD, "lora"], None), wanted)}
    begin, end = after_line(text, key.end_mark.index), after_line(text, end_of(value))
    return {SETTINGS: checked(text[:begin] + text[end:], wanted)}
