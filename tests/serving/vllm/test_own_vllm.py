"""A real vLLM that the answering process starts for itself."""

from pathlib import Path

import pytest
import yaml

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_engine import answering_numerics, server_kept
from evaluation.generation.answers import Respondent
from evaluation.generation.backends.own_vllm import OwnVllm
from evaluation.generation.systems import respondent
from project import paths
from project.canonical import digest_folder
from project.libraries import processor_kind
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant, Numerics
from project.records.data import Row
from tests.serving.vllm.server import vllm_options, vllm_python, vllms_of

pytestmark = pytest.mark.slow

DECODING = Decoding(max_new_tokens=8, batch_size=4)
ROWS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="sums")
    for i in range(4)
]


def test_contestants_on_one_base_share_it_and_it_ends_when_they_have_answered(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    generation = {"backend": "vllm", "vllm_python": str(vllm_python(tmp_path))}
    generation |= {"vllm_options": vllm_options()}
    Path("params.yaml").write_text(yaml.safe_dump({"evaluation": {"generation": generation}}))
    Numerics(precision="float32", processor=processor_kind()).write(paths.NUMERICS)
    numerics = answering_numerics()
    pinned = pin(ModelChoice(model=str(base)), "base")

    def system(adapter: Path | None) -> Respondent:
        digest = digest_folder(adapter) if adapter else None
        return respondent(Contestant(base=pinned, adapter=digest), adapter, DECODING, numerics)

    def said(adapter: Path | None) -> list[str]:
        return [answer.text for answer in system(adapter).answers(ROWS, "test")]

    with server_kept():
        bare = said(None)
        started = OwnVllm.running
        assert started and vllms_of(tmp_path)
        ant = said(adapters["ant"])
        assert OwnVllm.running is started
    assert OwnVllm.running is None and not vllms_of(tmp_path)
    assert bare != ant
