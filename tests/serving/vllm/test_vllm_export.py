"""An export for vLLM is scored again by a real one, and its start script is one that vLLM takes."""

import json
import subprocess
from pathlib import Path

import httpx2
import pytest
import yaml

from incumbent.verbs.export import MARGIN, Outgoing, export_version
from serving.exporting.start_scripts import ExportedForm, Rescoring
from tests.serving.exporting.judged_project import SETTINGS, judge, submit_version
from tests.serving.vllm.server import VllmServer

pytestmark = pytest.mark.slow


def test_a_real_vllm_answers_as_it_was_judged_and_is_left_as_it_was(
    vllm_server: VllmServer, base: Path, adapters: dict[str, Path]
) -> None:
    adapter = adapters["ant"]
    (adapter / "README.md").unlink(missing_ok=True)
    version = submit_version(base, adapter)
    judge(version, base, adapter)
    pool = {"base": str(base), "replicas": [vllm_server.url]}
    serving = {"serving": {"backend": "vllm", "pools": [pool]}}
    Path("params.yaml").write_text(SETTINGS + yaml.safe_dump(serving))
    before = names(vllm_server)
    export_version(1, Path("out"), Outgoing("vllm", Rescoring(MARGIN)))
    found = ExportedForm.read(Path("out/exported.json"))
    assert (found.engine.name, found.same_answers, found.items) == ("vllm", 4, 4)
    assert names(vllm_server) == before
    subprocess.run(["bash", "-n", "out/serve.sh"], check=True)


def names(server: VllmServer) -> list[str]:
    models = json.loads(httpx2.get(f"{server.url}/models").content)["data"]
    return sorted(model["id"] for model in models)
