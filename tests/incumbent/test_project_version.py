"""What projects of this version hold stays readable: a change that is none of an older one's files
raises the version, and comes with a step of `incumbent project upgrade`.
"""

from typing import Any

import yaml

from incumbent.project_files import project_files
from project.canonical import canonical_json
from project.settings import VERSION, pipeline_version, settings_version
from tests.conftest import ROOT
from tests.projects.settings_keys import FILE, every_key

KEPT = FILE.with_name(f"pipeline-{VERSION}.yaml")
RAISE = f"raise VERSION of project/settings.py to {VERSION + 1}: CONTRIBUTING.md says how"


def stages(text: str) -> dict[str, Any]:
    """By name what each one does, whatever its description and its order."""
    found = yaml.safe_load(text)["stages"]
    return {
        name: {
            (field, canonical_json(one))
            for field, value in stage.items()
            if field != "desc"
            for one in (value if isinstance(value, list) else [value])
        }
        for name, stage in found.items()
    }


def test_the_pipeline_is_the_one_of_its_version() -> None:
    """Else projects of this version would keep the old one, and nobody would tell them."""
    kept, now = stages(KEPT.read_text()), stages((ROOT / "dvc.yaml").read_text())
    changed = [name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name)]
    assert not changed, f"dvc.yaml has other stages than projects of version {VERSION}: {RAISE}"


def test_no_key_and_no_value_of_this_version_is_gone() -> None:
    """New ones are free: a project without them has the default."""
    gone = set(FILE.read_text().splitlines()) - set(every_key())
    assert not gone, f"params.yaml of version {VERSION} may say {sorted(gone)}: {RAISE}"


def test_a_new_project_is_of_this_version() -> None:
    files = project_files()
    for name, version in (("params.yaml", settings_version), ("dvc.yaml", pipeline_version)):
        root = yaml.compose(files[name].read_text(), Loader=yaml.SafeLoader)
        assert version(root, files[name]) == VERSION
