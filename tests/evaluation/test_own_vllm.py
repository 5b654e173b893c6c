"""A vLLM that is started by Incumbent. That it answers is shown by tests/incumbent/on_ray."""

import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
import yaml
from pydantic import ValidationError

from evaluation.evaluation_settings import GenerationParams
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.backends.own_vllm import own_engine
from project.errors import InputError
from project.paths import NUMERICS
from project.records.adapters import Engine, Numerics
from tests import conftest

KILLED = """
import os, signal
from evaluation.generation.backends.started_server import StartedServer
print(StartedServer(["sleep", "600"]).process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def python_that_says(version: str) -> Path:
    """Stands for a Python that has this version of vLLM, and is asked for nothing else."""
    program = Path("vllm-python").absolute()
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


def numerics_with(**generation: Any) -> Numerics:
    conftest.NUMERICS.write(NUMERICS)
    settings = {"evaluation": {"generation": {"backend": "vllm", **generation}}}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    return answering_numerics()


def test_answers_are_pinned_by_its_version_and_its_options() -> None:
    python = str(python_that_says("0.32.0"))
    bare = numerics_with(vllm_python=python)
    assert bare.engine == Engine(name="vllm", version="0.32.0", model=None, options=())
    short = numerics_with(vllm_python=python, vllm_options=["--max-model-len=512"])
    assert short != bare
    assert str(short) == "vllm 0.32.0 with --max-model-len=512"
    python_that_says("0.33.0")
    assert numerics_with(vllm_python=python) != bare


@pytest.mark.parametrize(
    ("python", "problem"),
    [
        ("nowhere/python", "cannot be run: No such file"),
        (sys.executable, "has no vLLM: .*pip inst"),
    ],
)
def test_a_python_that_cannot_start_it_is_refused(python: str, problem: str) -> None:
    with pytest.raises(InputError, match=rf"params\.yaml: .*vllm_python: .*{problem}"):
        own_engine(Path(python), ())


@pytest.mark.parametrize(
    "settings",
    [
        {"backend": "vllm", "url": "http://127.0.0.1:8000/v1", "vllm_python": "python"},
        {"backend": "embedded", "vllm_python": "python"},
        {"backend": "vllm"},
    ],
)
def test_a_server_runs_or_is_started(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="vllm_python"):
        GenerationParams.model_validate(settings)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked to do it")
def test_it_ends_with_a_process_that_is_killed() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=conftest.ROOT, capture_output=True, text=True
    )
    server = int(killed.stdout)
    for _ in range(100):
        if not psutil.pid_exists(server) or psutil.Process(server).status() == "zombie":
            return
        Event().wait(0.1)
    pytest.fail("it still runs")
