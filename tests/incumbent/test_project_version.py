"""What projects of this version hold stays readable: a change that is none of an older one's files
raises the version, and comes with a step of `incumbent upgrade`.
"""

import yaml

from incumbent.project_files import project_files
from incumbent.upgrading.new_files import CONTRACTS, FOLDERS, LISTS
from incumbent.upgrading.pipeline_text import PipelineText
from incumbent.upgrading.shipped_pipelines import FOLDER, same, today
from project.project_version import VERSION, pipeline_version, settings_version
from tests.projects.settings_keys import FILE, every_key

RAISE = f"raise VERSION of project/project_version.py to {VERSION + 1}: CONTRIBUTING.md says how"


def test_the_pipeline_is_the_one_of_its_version() -> None:
    """Else projects of this version would keep the old one, and nobody would tell them."""
    kept = PipelineText((FOLDER / f"{VERSION}.yaml").read_text())
    changed = [
        name
        for name in kept.stages.keys() | today().stages.keys()
        if not same(kept.stages.get(name, {}), today().stages.get(name, {}))
    ]
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


def test_what_comes_with_an_upgrade_is_in_a_new_project() -> None:
    names = set(project_files())
    assert set(CONTRACTS) <= names
    assert all(any(name.startswith(f"{folder}/") for name in names) for folder in FOLDERS)
    assert not set(LISTS) & names  # they begin empty
