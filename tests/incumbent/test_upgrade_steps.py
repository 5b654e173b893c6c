"""Each step of an upgrade is a pure function of a project's files."""

import pytest
import yaml

from incumbent.upgrading import (
    changed_values,
    edited_stages,
    ignored_files,
    new_files,
    training_sections,
    unedited_stages,
    wanted_sections,
    written_version,
)
from incumbent.upgrading.shipped_pipelines import FOLDER, today
from incumbent.upgrading.step import ByHand, Change, Project

PIPELINE = today().text


def project(**texts: str) -> Project:
    """Of texts by params, dvc and ignored."""
    names = {"params": "params.yaml", "dvc": "dvc.yaml", "ignored": ".gitignore"}
    return Project({names[key]: text for key, text in texts.items()}, frozenset())


def text(change: Change, name: str = "params.yaml") -> str:
    return change[name].decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "training:\n  r: 8 # small\n  # slow\n  epochs: 2\nregistry: {}\n",
            "training:\n  adapter:\n    r: 8 # small\n  sft:\n    # slow\n    epochs: 2\n"
            "registry: {}\n",
        ),
        ("training: {r: 8, rows: 5}\n", "training: {adapter: {r: 8}, sft: {rows: 5}}\n"),
        ("training:\n  seed: 1", "training:\n  adapter:\n    seed: 1"),
        (
            "training:\n  r: 8\n  sft:\n    rows: 5\n",
            "training: {adapter: {r: 8}, sft: {rows: 5}}\n",
        ),
    ],
    ids=["with comments", "in braces", "without a line end", "half done by hand"],
)
def test_keys_of_training_move_to_their_sections(before: str, after: str) -> None:
    assert text(training_sections.move(project(params=before))) == after


@pytest.mark.parametrize("params", ["training:\n  sft:\n    rows: 5\n", "base: {}\n", ""])
def test_where_none_is_there_nothing_moves(params: str) -> None:
    assert training_sections.move(project(params=params)) == {}


def test_an_anchor_that_would_be_lost_is_for_a_person() -> None:
    params = "a: &r 8\ntraining: {r: *r, rows: &n 5}\nb: *n\n"
    with pytest.raises(ByHand, match=r"params\.yaml: cannot be edited by a program"):
        training_sections.move(project(params=params))


def test_faulty_rows_that_stayed_still_stay() -> None:
    params = "curation:\n  curate:\n    faulty: refuse # by the gate\n"
    changed = changed_values.keep_faulty_rows(project(params=params))
    assert text(changed) == params.replace("refuse", "keep")
    assert changed_values.keep_faulty_rows(project(params=text(changed))) == {}


@pytest.mark.parametrize("lora", [" {r: 4}", "\n        r: 4\n        alpha: 8"])
def test_a_lora_of_the_embedder_goes_and_another_stays(lora: str) -> None:
    params = f"evaluation:\n  preference:\n    reward:\n      lora:{lora}\n      seed: 1\n"
    changed = text(changed_values.drop_lora_of_embedder(project(params=params)))
    assert yaml.safe_load(changed)["evaluation"]["preference"]["reward"]["lora"] is None
    own = params.replace("seed: 1", "model: models/mine")
    assert changed_values.drop_lora_of_embedder(project(params=own)) == {}


def test_only_what_dvc_misses_is_added() -> None:
    params = "base:\n  model: mine\ncuration: {collect: {sources: []}, validate: {contract: c}}\n"
    added = yaml.safe_load(text(wanted_sections.add(project(params=params))))
    assert added["base"] == {"model": "mine"}
    assert added["training"]["domain"] == {"epochs": 0}
    assert wanted_sections.add(project(params=yaml.safe_dump(added))) == {}


def test_a_section_without_defaults_is_for_a_person() -> None:
    with pytest.raises(ByHand, match=r"write the section curation\.collect"):
        wanted_sections.add(project(params="base: {}\n"))


def test_a_folder_that_dvc_tracks_is_not_missing() -> None:
    tracked = Project({}, frozenset({"datasets/safety.dvc"}))
    assert not any(name.startswith("datasets/safety/") for name in new_files.add(tracked))
    assert "datasets/safety/harmful.jsonl" in new_files.add(project())


@pytest.mark.parametrize("before", ["", "/outputs/", "/outputs/\n"])
def test_lines_are_appended_once(before: str) -> None:
    changed = text(ignored_files.add(project(ignored=before)), ".gitignore")
    assert changed.startswith("/outputs/\n#" if before else "#")
    assert changed.endswith("/datasets/queue/\n/deploy/secrets.env\n")
    assert ignored_files.add(project(ignored=changed)) == {}


@pytest.mark.parametrize("name", sorted(file.name for file in FOLDER.glob("*.yaml")))
def test_every_pipeline_that_was_shipped_becomes_todays(name: str) -> None:
    shipped = (FOLDER / name).read_text()
    change = unedited_stages.replace(project(dvc=shipped))
    now = yaml.safe_load(text(change, "dvc.yaml") if change else shipped)
    assert now["stages"].keys() == today().stages.keys()
    assert edited_stages.tell(project(dvc=yaml.safe_dump(now))) == {}


def test_a_stage_that_was_taken_out_does_not_come_back() -> None:
    stages = yaml.safe_load((FOLDER / "1-1.yaml").read_text())
    del stages["stages"]["compare"]
    now = text(unedited_stages.replace(project(dvc=yaml.safe_dump(stages))), "dvc.yaml")
    assert "compare" not in yaml.safe_load(now)["stages"]
    assert "sft" in yaml.safe_load(now)["stages"]


def test_a_stage_of_ones_own_with_a_new_name_of_ours_is_to_be_renamed() -> None:
    stages = yaml.safe_load((FOLDER / "1-1.yaml").read_text())
    stages["stages"]["domain"] = {"cmd": "python crawl.py", "outs": ["crawled"]}
    with pytest.raises(ByHand, match="Incumbent has one of that name now: rename yours"):
        edited_stages.tell(project(dvc=yaml.safe_dump(stages)))


def test_an_edit_that_misses_nothing_is_no_work() -> None:
    own = PIPELINE.replace("- outputs/code/sft.json", "- outputs/code/sft.json\n      - mine.txt")
    assert edited_stages.tell(project(dvc=own)) == {}


@pytest.mark.parametrize(
    "variables",
    ["", "vars:\n  - shared.yaml\n", "vars: [shared.yaml]\n", "vars:\n- pipeline_version: 1\n"],
)
def test_the_version_stands_in_both_files_once(variables: str) -> None:
    dvc = f"# ours\n{variables}stages:\n  a:\n    cmd: b\n"
    before = project(params="# ours\nbase: {}\n", dvc=dvc)
    change = written_version.write(before)
    assert text(change).startswith("# ours\nversion: 2 #")
    listed = yaml.safe_load(text(change, "dvc.yaml"))["vars"]
    assert [one for one in listed if one != "shared.yaml"] == [{"pipeline_version": 2}]
    assert written_version.write(before.changed(change)) == {}
