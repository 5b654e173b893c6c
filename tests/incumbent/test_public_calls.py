"""What other programs call: no verb, option, JSON key or function of it goes away."""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import evaluation
import monitoring
import registry
from incumbent.cli import app, main
from project.records.adapters import Adapter
from project.records.data import DatasetVersion
from project.records.events import Deployed, ExperimentOpened
from project.records.evidence import Verdict
from registry.deployments import record_deployment
from registry.experiments.experiment_events import open_experiment
from registry.store import Registry
from tests.conftest import decision_on, evidence_of, keep_decision
from tests.incumbent.setting_effects.cost_report_effects import champion_here

VERBS = {
    "status": "--all --json",
    "doctor": "--json",
    "decide": "--scores --policy --look --general --reference --json --exit-verdict",
    "ballots": "file --judge --json",
    "submit": "--promote --reason --json --exit-verdict",
    "import-adapter": "folder --reason --json",
    "reevaluate": "number --promote --reason --json --exit-verdict",
    "verify": "number --anchor --data --json",
    "anchor": "--to --json",
    "upgrade": "--dry-run --yes",
    "backup": "--to --without-damaged --json",
    "restore": "archive --json",
    "reproduce": "number --keep --json",
    "launch": "--cloud --gpus --spot --dry-run --yes --json",
    "suites": "tasks --to --include --limit --metric",
    "nightly": "--date --json",
    "scheduler": "--check --once --teams --at-once --quota",
    "review": "--port --host --no-browser --add-user",
    "stage": "name",
    "versions": "--limit --before --json",
    "show": "number --card --json",
    "why": "number --json",
    "export": "number --to --merged --for --margin",
    "dossier": "number --to --notes",
    "sign": "number --key --reason",
    "keygen": "file",
    "promote": "number --reason --force",
    "reject": "number --reason",
    "alias": "name --to --expect --reason",
    "delete": "number --reason",
    "gc": "--delete --json",
    "rollback": "--to --reason",
    "history": "--at --json",
    "serve": "--port --host --add-key",
    "deploy": "number --timeout --json",
    "deployments": "--json",
    "serve-report": "--items --to --json",
    "experiment start": "number --mode --share --metric --alpha --reason",
    "experiment list": "--json",
    "experiment show": "number --json",
    "experiment stop": "number --reason",
    "tune": "--trials --minutes --json",
    "curve": "--shares --seeds --more --at --json",
    "bases": "names --few-shot --by --json",
    "recipes": "name --write --json",
    "data export": "--to --worst",
    "data labels": "export",
    "drift check": "--reference --current --text-field --block-field --alpha --seed --json "
    "--exit-verdict",
}
VERSION = "family number adapter actor at"
EXPERIMENT = "number version opened ended"
KEYS = {
    "status": "family champion deployed base newest decision openings night unfinished schedulers",
    "status --all": "families at_once schedulers",
    "verify": "problems events versions anchors",
    "anchor --to anchors.jsonl": "format seq event first at",
    "versions": f"{VERSION} verdict champion",
    "show 1": f"{VERSION} verdict champion deleted aliases dataset origin gate recipe parent "
    "opponent decision evidence signature history experiments",
    "why 1": "version why",
    "gc": "deleted artifacts",
    "doctor": "what ok detail",
    "history": "seq kind family version detail actor reason at previous",
    "deploy 1": "version since until actor told",
    "deployments": "tenures failures",
    "experiment list": EXPERIMENT,
    "experiment show {experiment}": f"{EXPERIMENT} verdict result conclusions",
    "decide --scores scores.jsonl": "verdict alpha opening metrics slices general reference needed "
    "reasons",
    "ballots ballots.jsonl": "ballots items reviewers ratings pairs agreements consensus sides "
    "majorities",
    "drift check --reference prompts.jsonl --current prompts.jsonl": "verdict alpha signals topics "
    "exemplars new_words",
}
MEASURED = """
registry: {family: bank}
evaluation:
  scoring: {metrics: [rouge]}
  policy: {gating: [rougeL]}
"""
COSTS = "champion items clusters level judged_by better systems said"
COSTS_OF_A_SYSTEM = "name shots prompt answer seconds latency p50 p95 money quality against"
READING = (
    "here families versions newest version version_of deleted champion aliases history "
    "newest_event state decision rolled_back tenure opponent"
)


def commands(command: Any, *path: str) -> Iterator[tuple[str, set[str]]]:
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)
    if path and not hasattr(command, "commands"):
        yield " ".join(path), {name for p in command.params for name in (*p.opts, p.name)}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_its_options(verb: str) -> None:
    assert set(VERBS[verb].split()) <= dict(commands(get_command(app)))[verb]


@pytest.fixture
def project(make_adapter: Callable[[str], tuple[Adapter, Path]]) -> int:
    """A project with a decided version that answers users, a second one in an experiment, whose
    number is returned, and files of other programs.
    """
    Path("params.yaml").write_text("registry:\n  family: test\n")
    adapter, folder = make_adapter("a")
    dataset = DatasetVersion(rows="1" * 64, splits={}, sources=("s",), contract="2" * 64)
    with Registry.here() as opened:
        version = opened.submit(
            adapter.model_copy(update={"dataset": dataset.digest}), folder, "made", dataset
        )
        evidence = evidence_of(adapter.files, None)
        decision = decision_on(evidence, Verdict.PROMOTE)
        keep_decision(opened, version.number, decision, evidence)
        opened.promote(version.number, "it won", force=True)
        record_deployment(opened, version.number, deployed(adapter.files), "it is champion")
        second = opened.submit(*make_adapter("b"), "made")
        told = tried(second.adapter.files)
        experiment = open_experiment(opened, second.number, told, "to see").number
    items = [
        {"item": f"i{i}", "champion": {"m": 0.1 * i}, "challenger": {"m": 0.2 * i}} for i in (1, 2)
    ]
    ballot = {"item": "i", "reviewer": "r", "left": "v1", "right": "v2", "choice": "left"}
    write("scores.jsonl", *items)
    write("ballots.jsonl", ballot | {"at": "2026-01-01T00:00:00Z"})
    write("prompts.jsonl", {"prompt": "what is a loan?"})
    return experiment


def deployed(adapter: str) -> Deployed:
    return Deployed(
        adapter=adapter,
        name=f"test-v1-{adapter[:12]}",
        engine="fake",
        replicas=("http://one",),
        golden=4,
        agreement=None,
        displaced=None,
    )


def tried(adapter: str) -> ExperimentOpened:
    return ExperimentOpened(
        mode="ab",
        adapter=adapter,
        champion=1,
        share="0.5",
        metric="rating",
        alpha="0.05",
        guardrails=("errors",),
        salt="s",
    )


def write(name: str, *rows: dict[str, Any]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], Any]:
    """The JSON that a call prints."""

    def called(call: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["incumbent", *call.split(), "--json"])
        try:
            main()
        except SystemExit as stop:
            assert call == "verify" or not stop.code  # the version's evidence is no real one
        return json.loads(capsys.readouterr().out)

    return called


@pytest.mark.parametrize("call", KEYS)
def test_json_has_its_keys(call: str, project: int, printed: Callable[[str], Any]) -> None:
    found = printed(call.format(experiment=project))
    first = found[0] if isinstance(found, list) else found
    assert set(KEYS[call].split()) <= first.keys()


def test_json_of_costs_has_its_keys(printed: Callable[[str], Any]) -> None:
    Path("params.yaml").write_text(MEASURED)
    champion_here()
    found = printed("serve-report")
    assert set(COSTS.split()) <= found.keys()
    assert set(COSTS_OF_A_SYSTEM.split()) <= found["systems"][0].keys()


def test_decide_and_compare_take_what_they_took() -> None:
    decide = inspect.signature(evaluation.decide).parameters
    assert list(decide) == ["scores", "policy", "opening", "general", "reference"]
    compare = inspect.signature(monitoring.compare).parameters
    assert list(compare) == ["reference", "current", "alpha", "blocks", "seed"]
    assert callable(evaluation.read_score_table)
    assert evaluation.Policy().kind == "strict"


@pytest.mark.parametrize("method", READING.split())
def test_a_registry_can_be_asked(method: str) -> None:
    assert callable(getattr(registry.Registry, method))
