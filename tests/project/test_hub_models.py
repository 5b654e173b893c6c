"""Models of the Hub, by real requests to a server that plays it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hub_server import COMMIT, LARGE, NAME, TOKEN, Hub, playing

CODE = """
import sys
from project.errors import InputError
from project.libraries import allow_downloads
allow_downloads()
from project.model_pins import BaseChoice, locate
try:
    print(locate(BaseChoice(model=sys.argv[1], revision=sys.argv[2] or None), "base"))
except InputError as error:
    print(error)
"""
Look = Callable[..., str]


@pytest.fixture
def hub(word_base: Path, tmp_path: Path) -> Iterator[Hub]:
    """It has a base, with weights for other programs beside its own."""
    folder = tmp_path / "at-the-hub"
    folder.mkdir()
    for file in word_base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    for name in ("pytorch_model.bin", "consolidated.safetensors", "README.md"):
        (folder / name).write_bytes(b"not wanted")
    with playing(Hub(folder)) as played:
        yield played


@pytest.fixture
def look(hub: Hub, tmp_path: Path) -> Look:
    """Where a model is found, or why not: in a process of its own, as settings are read once."""

    def found(name: str = NAME, revision: str = COMMIT, **variables: str) -> str:
        own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", CODE, name, revision],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | own | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    return found


def test_a_commit_is_fetched_once_without_pickles_and_weights_for_other_programs(
    hub: Hub, look: Look
) -> None:
    folder = Path(look())
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert not names & {"pytorch_model.bin", "consolidated.safetensors", "README.md"}
    hub.asked.clear()
    assert Path(look(HF_HUB_OFFLINE="1")) == folder
    assert hub.asked == []


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: Hub, look: Look) -> None:
    hub.breaks = True
    weights = hub.folder / "model.safetensors"
    weights.write_bytes(bytes(LARGE + 1))
    assert Path(look(), weights.name).read_bytes() == weights.read_bytes()
    assert any(f"{weights.name} bytes=" in asked for asked in hub.asked)


def test_a_branch_is_no_pin_and_its_commit_is_told(look: Look) -> None:
    said = look(revision="main")
    assert said.startswith("base.revision: 'main' is no commit of 40 digits")
    assert said.endswith(f"{COMMIT} is main now")
    assert f"{COMMIT} is its newest now" in look(revision="")
    assert look(revision="main", HF_HUB_OFFLINE="1", HF_HOME="none").endswith("so that runs repeat")


def test_a_gated_model_asks_for_its_licence_and_a_token(hub: Hub, look: Look) -> None:
    hub.gated = True
    said = look()
    assert f"{NAME} is gated: accept its licence on {hub.url}/{NAME}" in said
    assert "HF_TOKEN" in said
    assert Path(look(HF_TOKEN=TOKEN), "config.json").is_file()


def test_what_the_hub_does_not_have_is_told_apart(hub: Hub, look: Look) -> None:
    assert "has no bank/none, or it is private" in look("bank/none")
    assert f"{NAME} has no commit {'d' * 40}" in look(revision="d" * 40)
    said = look(HF_HUB_OFFLINE="1")
    assert f"{NAME} at {COMMIT} is neither in the local Hub cache nor to be had" in said
