"""All steps of an upgrade, in their order; the last one writes the version."""

from pathlib import Path

import yaml

from incumbent.upgrading.step import (
    PIPELINE,
    SETTINGS,
    ByHand,
    Change,
    ProjectFiles,
    UpgradeStep,
    checked,
)
from project.project_version import KEY, PIPELINE_KEY, VERSION, pipeline_version, variable
from project.yaml_text import with_value

# None yet: version 2 is the first that was released. A step stays for ever.
STEPS: tuple[UpgradeStep, ...] = ()

HINT = "of this project's files: `incumbent project upgrade` brings older ones here"
LINE = f"{KEY}: {VERSION} # {HINT}\n"
ENTRY = f"- {PIPELINE_KEY}: {VERSION}"


def steps_from(version: int) -> list[UpgradeStep]:
    """The steps that lead on from a version. The version itself is written when all were taken."""
    steps = [step for step in STEPS if step.to > version]
    written = UpgradeStep(
        to=VERSION,
        title=f"version {VERSION}",
        reason="All is as this Incumbent makes it, and the project says so.",
        change=write_version,
        needs=tuple(steps),
    )
    return [*steps, written]


def write_version(project: ProjectFiles) -> Change:
    """Into params.yaml and dvc.yaml."""
    found = {SETTINGS: in_settings(project.text(SETTINGS))}
    found[PIPELINE] = in_pipeline(project.text(PIPELINE))
    return {name: data for name, data in found.items() if data.decode() != project.text(name)}


def in_settings(text: str) -> bytes:
    """In the old one's place, or as the first key, below the comment that the file begins with."""
    root, said = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text) or {}
    wanted = said | {KEY: VERSION}
    if KEY in said or not isinstance(root, yaml.MappingNode) or root.flow_style:
        return checked(with_value(text, [KEY], VERSION), wanted)
    place = root.start_mark.index
    return checked(f"{text[:place]}{LINE}\n{text[place:]}", wanted)


def in_pipeline(text: str) -> bytes:
    """In the old one's place, or as the first of the file's variables."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "it was read as one"
    if found := variable(root, PIPELINE_KEY):
        new = text[: found.start_mark.index] + str(VERSION) + text[found.end_mark.index :]
    else:
        new = with_entry(text, root)
    if pipeline_version(yaml.compose(new, Loader=yaml.SafeLoader), Path(PIPELINE)) != VERSION:
        raise ByHand([f"{PIPELINE}: write `{ENTRY}` into its list `vars`"])
    return new.encode()


def with_entry(text: str, root: yaml.MappingNode) -> str:
    listed = next((value for key, value in root.value if key.value == "vars"), None)
    if listed is None:
        place = root.start_mark.index
        return f"{text[:place]}vars:\n  {ENTRY}\n\n{text[place:]}"
    place = listed.start_mark.index  # of the first dash, or of the bracket
    if listed.flow_style:
        return f"{text[: place + 1]}{{{PIPELINE_KEY}: {VERSION}}}, {text[place + 1 :]}"
    return f"{text[:place]}{ENTRY}\n{' ' * listed.start_mark.column}{text[place:]}"
