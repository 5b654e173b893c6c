"""The smallest project whose training is real: git, DVC, a tiny base, the stages from `base` on.

What earlier stages would make lies in git, but for the curated rows: these are DVC's.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from incumbent.current_provenance import current_provenance, tag_version
from project import paths
from project.child_processes import AUTHOR, git
from project.files import write_bytes
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import DatasetVersion, GateReport
from registry.store import Registry
from tests.conftest import ROOT
from tests.evaluation.test_decision import calibration
from tests.incumbent.setting_effects.effect import put
from tests.incumbent.tiny_project import lay_out_gated
from training.recipe import StepRecord

STAGES = (
    "code",
    "base",
    "index",
    "start",
    "sft",
    "train",
    "champion",
    "generate",
    "score",
    "compare",
)
SETTINGS: dict[str, Any] = {
    "registry__family": "bank",
    "embedder__model": "embedded",
    "evaluation__generation__backend": "embedded",
    "training__distill__epochs": 0,
    "training__grpo__epochs": 0,
    "training__sft__rows": 40,
    "training__sft__epochs": 1,
    "training__sft__evaluations": 0,
    "evaluation__few_shot__shots": 0,
    "evaluation__preference__source": "ballots",
    "evaluation__preference__ballots": "datasets/ballots/votes.jsonl",
    "evaluation__policy__gating": ["rougeL"],
}
VOTE = b"""{"item": "i", "reviewer": "r", "left": "v1", "right": "v2", "choice": "tie",
"at": "2026-01-01T00:00:00Z"}""".replace(b"\n", b" ")  # on no item here: no judge is asked
COUNTED = b"".join(
    b'{"id":"g%d","ability":"counting","check":{"kind":"number","value":%d},'
    b'"prompt":"Say %b in digits.","expected":"%d"}\n' % (n, n, b"x" * n, n)
    for n in range(2)
)  # of the general-ability suite
IGNORED = "/home/\n/models/\n/outputs/reports/\n"


def lay_out_reproducible(**more: Any) -> None:
    """In the current folder, committed and with a first cache of DVC's."""
    lay_out_gated(**SETTINGS)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["evaluation"]["scoring"] = {"metrics": ["rouge"]}
    params["retrieval"] = {"documents": []}
    for name, value in more.items():
        put(params, name.replace("__", "."), value)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    for step in ("domain", "distill", "dpo", "kto", "grpo"):
        StepRecord(step=step).write(paths.step_of(step) / "step.json")
    calibration(people=True).write(paths.CALIBRATION)
    # What stage `validate`, which is not here, leaves for `generate`.
    rows = DatasetVersion.read(paths.DATASET).rows
    report = GateReport(dataset_rows=rows, contract="c", row_count=0, checks=())
    report.write(paths.GATE_REPORT)
    write_bytes(paths.PAIR_SOURCE, b"{}")
    for folder in ("safety", "consistency", "ballots"):
        write_bytes(Path("datasets") / folder / "README.md", b"nothing\n")
    write_bytes(Path("datasets/sources/README.md"), b"nothing\n")
    write_bytes(Path("datasets/ballots/votes.jsonl"), VOTE)
    write_bytes(Path("datasets/general/few.jsonl"), COUNTED)
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())
    stages = {name: pipeline["stages"][name] for name in STAGES}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    Path(".gitignore").write_text(IGNORED)
    git("init", "-q", "-b", "main")
    run("dvc", "init", "-q")
    run("dvc", "add", "-q", str(paths.CURATED))
    git("add", "-A")
    git(*AUTHOR, "commit", "-qm", "start")


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def train_and_register() -> AdapterVersion:
    """As `incumbent submit` does, but for the decision."""
    run("dvc", "repro", "train")
    found, left = current_provenance()
    assert found is not None
    assert left is None or "without 'outputs/" in left  # what stages made, which git does not know
    adapter = Adapter.read(paths.ADAPTER)
    with Registry.here() as registry:
        version = registry.submit(adapter, paths.ADAPTER_FILES, "a test", provenance=found)
        registry.artifacts.put(paths.DATASET.read_bytes().rstrip(b"\n"))
    assert tag_version(version, found.commit) is None
    return version
