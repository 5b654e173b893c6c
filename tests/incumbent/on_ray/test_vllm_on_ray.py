"""A worker of a real Ray cluster answers by a vLLM that it has for itself."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic

import pytest
import yaml

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Model
from evaluation.generation.systems import respondent
from project import paths
from project.canonical import digest_folder
from project.libraries import processor_kind
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant, Numerics
from project.records.data import Row
from tests.serving.vllm.server import vllm_options, vllm_python, vllms_of
from tests.serving.vllm.tiny_models import save_adapter, save_base

pytestmark = pytest.mark.slow

DECODING = Decoding(max_new_tokens=8, batch_size=2)  # so two units of eight rows
ROWS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="sums")
    for i in range(12)
]
SECONDS = 60  # that vLLM has to end in


def load_and_die(load: Callable[[], Model], mark: Path) -> Model:
    """The first worker is killed when its vLLM has come up."""
    model = load()
    if not mark.exists():
        mark.write_text(str(len(vllms_of(Path.cwd()))))
        os.kill(os.getpid(), signal.SIGKILL)
    return model


def test_a_worker_has_a_vllm_of_its_own_that_ends_with_it_however_it_ends(tmp_path: Path) -> None:
    from evaluation.generation.answering_model import AnsweringModel

    base = save_base(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "adapter", 1)
    options, python = vllm_options(), vllm_python(tmp_path)
    generation = {"backend": "vllm", "vllm_python": str(python), "vllm_options": options}
    params = {
        "engine": "ray",
        "ray": {"workers": 1, "cpus_per_worker": 1},
        "evaluation": {"generation": generation},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params))
    Numerics(precision="float32", processor=processor_kind()).write(paths.NUMERICS)
    numerics = answering_numerics()
    assert numerics.engine and numerics.engine.options == tuple(options)

    contestant = Contestant(
        base=pin(ModelChoice(model=str(base)), "base"), adapter=digest_folder(adapter)
    )
    asked = respondent(contestant, adapter, DECODING, numerics)
    mark = tmp_path / "killed"
    asked.load = partial(load_and_die, asked.load, mark)
    there = {answer.item: answer.text for answer in asked.answers(ROWS, "there")}
    assert int(mark.read_text()) > 1  # of which nothing is left by now
    assert asked.model is None  # nothing was asked of this process

    model = AnsweringModel(base, adapter, DECODING, "float32")
    assert there == {answer.item: answer.text for answer in model.answer(ROWS)}
    until = monotonic() + SECONDS
    while vllms_of(tmp_path) and monotonic() < until:
        Event().wait(0.2)
    assert not vllms_of(tmp_path)
