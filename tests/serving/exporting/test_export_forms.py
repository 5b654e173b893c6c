"""An export in an engine's form is scored again, carries all that it needs, and starts as it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.generation.answers import Answer
from evaluation.generation.backends.own_llama import find_server
from incumbent.verbs.export import MARGIN, Outgoing, export_version
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from serving.exporting.start_scripts import ExportedForm, Form, Rescoring
from tests.servers import missing
from tests.serving.exporting.judged_project import ASKED, judge, keep_judged, submit_version
from tests.serving.vllm.tiny_models import save_adapter

pytestmark = pytest.mark.slow
SCORING = Rescoring(MARGIN)
PROMPT = "You answer for a bank.\nNever say {{ anything }} in '{%' quotes."


@pytest.fixture(scope="module")
def adapter(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_adapter(tiny_base, tmp_path_factory.mktemp("export") / "adapter", seed=2)
    (folder / "README.md").unlink()
    return folder


@pytest.fixture
def version(tiny_base: Path, adapter: Path) -> AdapterVersion:
    return submit_version(tiny_base, adapter, PROMPT)


@pytest.fixture
def judged(version: AdapterVersion, tiny_base: Path, adapter: Path) -> list[Answer]:
    return judge(version, tiny_base, adapter)


def exported(form: Form, scoring: Rescoring = SCORING) -> ExportedForm:
    export_version(1, Path("out"), Outgoing(form, scoring))
    return ExportedForm.read(Path("out/exported.json"))


@pytest.mark.parametrize(("form", "engine"), [("peft", "peft"), ("merged", "transformers")])
def test_a_form_of_transformers_answers_as_it_was_judged(
    form: Form, engine: str, judged: list[Answer]
) -> None:
    found = exported(form)
    assert (found.engine.name, found.same_answers, found.items) == (engine, len(judged), 4)
    assert [(s.metric, s.judged) for s in found.scores] == [("rougeL", 1.0)]
    assert found.not_scored == ("preference",)
    settings = json.loads(Path("out/generation_config.json").read_bytes())
    assert (settings["do_sample"], settings["max_new_tokens"]) == (False, 12)
    card = Path("out/README.md").read_text()
    assert "| rougeL | 1.000 | 1.000 | +0.000 |" in card
    subprocess.run(["bash", "-n", "out/serve.sh"], check=True)


def test_the_program_of_an_export_for_peft_answers_as_it_was_judged(judged: list[Answer]) -> None:
    exported("peft")
    done = subprocess.run(
        ["out/serve.sh", *ASKED],
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "".join(f"{answer.text}\n" for answer in judged)


@pytest.mark.parametrize("form", ["peft", "merged"])
def test_a_form_that_scores_otherwise_is_not_written(form: Form, version: AdapterVersion) -> None:
    keep_judged(version, ["Nobody but you."] * 4, [1.0] * 4)
    before = sorted(Path().iterdir())
    with pytest.raises(IncumbentError, match=r"is not what was judged: rougeL differs"):
        exported(form)
    assert sorted(Path().iterdir()) == before


@pytest.fixture
def llama_cpp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_ARG_THREADS", "1")  # two that spin take longer on a busy machine
    try:
        find_server()
    except InputError:
        missing("llama.cpp's server (pip install xllamacpp)")


@pytest.mark.usefixtures("llama_cpp")
def test_an_export_as_gguf_answers_by_llama_cpp_as_it_was_judged(judged: list[Answer]) -> None:
    found = exported("gguf")
    assert (found.engine.name, found.same_answers) == ("llama.cpp", len(judged))
    assert {path.name for path in Path("out").iterdir()} == {
        "Modelfile",
        "README.md",
        "exported.json",
        "generation_config.json",
        "model.gguf",
        "serve.sh",
    }


@pytest.mark.usefixtures("llama_cpp", "judged")
def test_a_quantised_export_says_what_it_lost_and_what_quantisation_cost() -> None:
    found = exported("gguf", Rescoring(None, judge=True, packing="q4_0"))
    assert (found.quantized, found.margin, found.alpha) == ("q4_0", None, 0.05)
    (score,), (lost,), (cost,) = found.scores, found.changes or (), found.by_quantization or ()
    assert lost.difference == pytest.approx(score.difference)
    assert cost.difference == pytest.approx(lost.difference)  # in f16 it answers as it was judged
    assert lost.low is not None
    assert lost.low <= lost.difference
    assert "| rougeL | -" in Path("out/README.md").read_text()


@pytest.mark.usefixtures("llama_cpp", "judged")
def test_an_export_that_may_lose_more_than_the_policy_allows_is_not_written() -> None:
    with Path("params.yaml").open("a") as params:
        params.write("  policy: {export_loss: {rougeL: 0.001}}\n")
    with pytest.raises(IncumbentError, match=r"export_loss, so nothing was written:\n.*rougeL"):
        exported("gguf", Rescoring(1.0, packing="q4_0"))
    assert not Path("out").exists()


@pytest.mark.usefixtures("judged")
def test_an_export_for_vllm_without_a_server_says_what_to_set() -> None:
    with pytest.raises(InputError, match=r"names no vLLM server .* backend: vllm"):
        exported("vllm")
    assert not Path("out").exists()
