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
from evaluation.generation.backends.own_vllm import StartedServer, last_lines, own_engine
from project.errors import InputError
from project.paths import NUMERICS
from project.records.adapters import Engine, Numerics
from tests import conftest

STARTED = """
import psutil, signal, sys
from evaluation.generation.backends.own_vllm import StartedServer
tied = psutil.Process(StartedServer(["sleep", "600"]).process.pid)
while not tied.children() or tied.children()[0].name() != "sleep":
    pass
print(tied.children()[0].pid, flush=True)
{"all": psutil.Process(), "tied": tied}[sys.argv[1]].kill()
tied.wait()
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
        {"backend": "vllm", "url": "http://127.0.0.1:8000/v1", "vllm_options": ["--seed=1"]},
    ],
)
def test_a_server_runs_or_is_started(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="vllm_python"):
        GenerationParams.model_validate(settings)


def gone(process: int) -> bool:
    """Within some seconds."""
    for _ in range(100):
        if not psutil.pid_exists(process) or psutil.Process(process).status() == "zombie":
            return True
        Event().wait(0.1)
    return False


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--api-key=secret", "--api-key: Incumbent makes one"),
        ("--api_key=secret", "--api_key: Incumbent makes one"),
        ("--chat-template=t.jinja", "--chat-template: base.chat_template is the one"),
        ("4096", "'4096' is no option: write it as --name=value"),
    ],
)
def test_what_is_said_elsewhere_is_no_option(option: str, problem: str) -> None:
    own = {"backend": "vllm", "vllm_python": "python", "vllm_options": [option]}
    with pytest.raises(ValidationError, match=problem) as refused:
        GenerationParams.model_validate(own)
    assert "secret" not in str(refused.value.errors(include_input=False))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked to do it")
@pytest.mark.parametrize("killed", ["all", "tied"])
def test_it_ends_with_a_process_that_is_killed(killed: str) -> None:
    started = subprocess.run(
        [sys.executable, "-c", STARTED, killed], cwd=conftest.ROOT, capture_output=True, text=True
    )
    assert gone(int(started.stdout))


def test_it_is_stopped_with_all_that_it_started() -> None:
    deaf = "sh -c 'trap \"\" TERM; echo $$; sleep 600'"
    server = StartedServer(["sh", "-c", f"{deaf} & wait"])
    while not (said := last_lines(server.log.fileno())):
        Event().wait(0.01)
    server.stop()
    assert gone(int(said))
