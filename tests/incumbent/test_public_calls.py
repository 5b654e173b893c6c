"""What other programs call: no verb, option, JSON key or function of it goes away."""

import inspect
import json
import sys
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import evaluation
import monitoring
import registry
from incumbent.cli import app, main
from incumbent.command_tree import every_verb
from registry.store import Registry
from tests.incumbent.setting_effects.cost_report_effects import champion_here
from tests.places import submit, win
from tests.review.on_traffic import deploy, open_one

VERBS = {
    "init": "folder --from --prompt --completion --messages --turns --instruction --system --slice "
    "--group --base --revision --encoding --skip-unreadable --sample --remote --registry "
    "--artifacts --yes",
    "run": "--until --reason --json --exit-verdict --quick",
    "plan": "--base --price --gpus --json",
    "status": "--all --json",
    "project doctor": "--json",
    "decide": "--from --demo --systems --column --scores --policy --look --general --reference "
    "--json --exit-verdict --fail-on",
    "judge ballots": "file --judge --json",
    "submit": "--promote --reason --json --exit-verdict",
    "registry import-adapter": "folder --reason --json",
    "registry add-contestant": "--hosted --url --key-variable --system-prompt --evidence-template "
    "--as --price --limit --send-sealed --yes --reason --json",
    "registry reevaluate": "number --promote --reason --json --exit-verdict",
    "registry verify": "number --anchor --data --json",
    "registry anchor": "--to --json",
    "project upgrade": "--dry-run --yes",
    "registry backup": "--to --without-damaged --json",
    "registry restore": "archive --json",
    "registry reproduce": "number --keep --json",
    "project launch": "--cloud --gpus --spot --dry-run --yes --json",
    "judge suites": "tasks --to --include --limit --metric",
    "nightly": "--date --json",
    "drift scheduler": "--check --once --teams --at-once --quota",
    "review": "--port --host --no-browser --add-user",
    "stage": "name",
    "registry versions": "--limit --before --json",
    "registry show": "number --card --json",
    "registry why": "number --json",
    "registry export": "number --to --merged --for --margin",
    "registry dossier": "number --to --notes --force",
    "registry sign": "number --key --reason",
    "registry keygen": "file",
    "promote": "number --reason --force",
    "registry withdraw": "number --reason",
    "registry reject": "number --reason",
    "registry alias": "name --to --expect --reason",
    "registry delete": "number --reason",
    "registry gc": "--delete --json",
    "rollback": "--to --reason",
    "history": "--at --json",
    "serve": "--port --host --add-key",
    "gateway deploy": "number --timeout --json",
    "gateway deployments": "--json",
    "gateway cost-report": "--items --to --json",
    "gateway experiment start": "number --mode --share --metric --alpha --reason",
    "gateway experiment list": "--json",
    "gateway experiment show": "number --json",
    "gateway experiment stop": "number --reason",
    "search tune": "--trials --minutes --json",
    "search curve": "--shares --seeds --more --at --json",
    "search bases": "names --few-shot --by --json",
    "search merge": "--challenger --champions --method --share --density --seed --by --register "
    "--reason --json",
    "search recipes": "name --write --json",
    "data export": "--to --worst",
    "data labels": "export --reason",
    "data import": "files --format --as --prompt --completion --messages --turns --role --tools "
    "--instruction --system --slice --group --control --answer --good --bad --options --encoding "
    "--skip-unreadable --redact --replace --dry-run --json",
    "data check": "files --contract --eval --against --kind --prompt --completion --messages "
    "--encoding --skip-unreadable --no-embeddings --json",
    "data preview": "file --row --rows --document --ids --prompt --completion --messages --json",
    "data rotate-eval": "--reason --part --grow",
    "data waive": "check --until --reason --rows --all --by",
    "data allow": "--phone --email --domain",
    "data synthesize": "--rows --with --model --key-variable --kind --seed --to",
    "data distill": "--teacher --licence --rows --max-cost --max-tokens --judge --seed --to "
    "--dry-run --json",
    "data questions": "files --with --model --key-variable --per-passage --unanswerable "
    "--distractors --seed --no-embeddings --to --dry-run --json",
    "data forget": "--id --match --reason --yes --json",
    "search select": "--rows --seeds --no-compare --json",
    "mcp": "--project --allow-files --allow-writes",
    "docs": "page --print",
    "project settings": "section",
    "registry adopt-looks": "--reason",
    "drift check": "--reference --current --text-field --block-field --alpha --seed --json "
    "--exit-verdict",
    "drift accept": "--reason --topic --signal --days --json",
}
VERSION = "family number adapter actor at"
EXPERIMENT = "number version opened ended"
KEYS = {
    "status": "family champion deployed base newest decision openings night unfinished schedulers",
    "status --all": "families at_once schedulers",
    "registry verify": "problems events versions anchors",
    "registry anchor --to anchors.jsonl": "format seq event first at",
    "registry versions": f"{VERSION} verdict champion",
    "registry show 1": f"{VERSION} verdict champion deleted aliases dataset origin gate recipe "
    "parent opponent decision evidence signature history experiments",
    "registry why 1": "version why",
    "registry gc": "deleted artifacts",
    "project doctor": "what ok detail",
    "history": "seq kind family version detail actor reason at previous",
    "gateway deploy 1": "version since until actor told",
    "gateway deployments": "tenures failures",
    "gateway experiment list": EXPERIMENT,
    "gateway experiment show {experiment}": f"{EXPERIMENT} verdict result conclusions",
    "decide --scores scores.jsonl": "verdict alpha opening metrics slices general reference needed "
    "reasons",
    "judge ballots ballots.jsonl": "ballots items reviewers ratings pairs agreements consensus "
    "sides majorities",
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


COMMANDS = dict(every_verb(app))


def test_every_verb_is_held() -> None:
    assert set(VERBS) == set(COMMANDS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_its_options(verb: str) -> None:
    taken = {name for one in COMMANDS[verb].params for name in (*one.opts, one.name)}
    assert set(VERBS[verb].split()) <= taken


@dataclass(frozen=True)
class Project:
    folder: Path
    experiment: int


@pytest.fixture(scope="module")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a decided version that answers users, a second one in an experiment, and files
    of other programs.
    """
    folder = tmp_path_factory.mktemp("project")
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCUMBENT_HOME", "home")
        Path("params.yaml").write_text("registry:\n  family: test\n")
        with Registry.here() as opened:
            win(opened, "a", folder)
            deploy(opened, 1)
            experiment = open_one(opened, submit(opened, "b", folder).number).number
        items = [
            {"item": f"i{i}", "champion": {"m": 0.1 * i}, "challenger": {"m": 0.2 * i}}
            for i in (1, 2)
        ]
        ballot = {"item": "i", "reviewer": "r", "left": "v1", "right": "v2", "choice": "left"}
        write("scores.jsonl", *items)
        write("ballots.jsonl", ballot | {"at": "2026-01-01T00:00:00Z"})
        write("prompts.jsonl", {"prompt": "what is a loan?"})
    return Project(folder, experiment)


@pytest.fixture
def project(made_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """It is asked alone, so that every test can have the same one."""
    monkeypatch.chdir(made_project.folder)
    monkeypatch.setenv("INCUMBENT_HOME", "home")
    return made_project


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
            assert (
                call == "registry verify" or not stop.code
            )  # the version's evidence is no real one
        return json.loads(capsys.readouterr().out)

    return called


@pytest.mark.parametrize("call", KEYS)
def test_json_has_its_keys(call: str, project: Project, printed: Callable[[str], Any]) -> None:
    found = printed(call.format(experiment=project.experiment))
    first = found[0] if isinstance(found, list) else found
    assert set(KEYS[call].split()) <= first.keys()


def test_json_of_costs_has_its_keys(printed: Callable[[str], Any]) -> None:
    Path("params.yaml").write_text(MEASURED)
    champion_here()
    found = printed("gateway cost-report")
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
