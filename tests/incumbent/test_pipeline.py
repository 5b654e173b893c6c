"""The whole loop on a handful of rows: real pipeline, a tiny model that learns, real registry."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import yaml

from incumbent.pipeline import after, read_pipeline
from project.meaning_prints import MeaningPrints
from project.progress import MARK
from project.records.adapters import Numerics, Opponent
from project.records.data import Row
from project.records.events import LookTaken
from project.records.evidence import Evidence
from registry.reader import RegistryReader
from tests.conftest import READ_BY_LIBRARIES, ROOT, all_warm
from tests.incumbent.short_suites import shorten_suites

pytestmark = pytest.mark.slow

FEW: dict[str, Any] = {
    "base": {"model": "models/tiny"},
    "embedder": {"model": "embedded"},
    "retrieval": {"documents": []},
    "curation": {
        "collect": {"sources": [{"kind": "python-api", "packages": ["rich"]}]},
        "curate": {"max_per_group": 2, "dev": 8, "sealed": 24},
        "validate": {"contract": "datasets/contracts/sft.yaml", "embedded_rows": 40},
    },
    "training": {
        "adapter": {"seed": 0},
        "domain": {"epochs": 0},
        # The champion learns little, for the second challenger has to be better on any processor.
        "sft": {"rows": 8, "batch_size": 2, "learning_rate": 0.003},
        "distill": {"epochs": 0},
        "dpo": {"epochs": 0},
        "kto": {"epochs": 0},
        "grpo": {"epochs": 0},
    },
    "evaluation": {
        "decoding": {"max_new_tokens": 12},
        "few_shot": {"shots": 1},
        "generation": {"backend": "embedded"},
        "scoring": {"metrics": ["rouge", "semantic", "perplexity", "refusal"]},
        "preference": {"reward": {"rows": 24}},
        "preference_data": {"judge": {"rows": 0}},
        # What is shown here is the loop, on too few items to be sure of much: whoever learnt more
        # rows is surely better in this metric.
        "policy": {
            "gating": ["reference_logprob"],
            "alpha": 0.49,
            "qualify": 0.5,
            "general_margin": 1,
        },
    },
    "registry": {"family": "test"},
}


SECOND = FEW | {  # another challenger, which qualifies
    "training": FEW["training"]
    | {
        "adapter": {"seed": 1},
        "sft": FEW["training"]["sft"] | {"rows": 80, "epochs": 3, "learning_rate": 0.01},
    }
}


class Project:
    """A copy of this project in a folder of its own, with a small base. Its programs start at
    once.
    """

    def __init__(self, folder: Path, base: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.machine: dict[str, str] = {}  # variables by which it passes for another one
        tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in names.splitlines():
            if (ROOT / name).is_file() and not name.startswith("tests/") and name != "dvc.lock":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / "datasets" / "eval_sets.jsonl").write_text("")  # the items here are others
        shorten_suites(folder, 4)
        (folder / "models").mkdir()
        (folder / "models" / "tiny").symlink_to(base)
        (folder / ".incumbent").mkdir()
        # All projects go by one measurement of this machine.
        (ROOT / ".incumbent" / "machines").mkdir(parents=True, exist_ok=True)
        (folder / ".incumbent" / "machines").symlink_to(ROOT / ".incumbent" / "machines")
        self.set_params(FEW)
        author = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
        for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "start"]):
            subprocess.run(["git", *command], cwd=folder, check=True)

    def set_params(self, params: dict[str, Any]) -> None:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "DVC_NO_ANALYTICS": "1",
            "INCUMBENT_ACTOR": "tester",
            **READ_BY_LIBRARIES,
            **self.machine,
        }

    @contextmanager
    def started_by(self, programs: Path, **machine: str) -> Iterator[None]:
        """Take other programs, with other variables, until the block ends."""
        own = self.programs, self.machine
        self.programs, self.machine = programs, machine
        try:
            yield
        finally:
            self.programs, self.machine = own

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def repro(self) -> str:
        done = self.run("dvc", "repro")
        assert done.returncode == 0, done.stdout
        return done.stdout

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    @property
    def registry(self) -> RegistryReader:
        return RegistryReader(self.folder / ".incumbent" / "registry", "test")

    def evidence(self, number: int) -> Evidence:
        """What a version's newest decision rests on."""
        with self.registry as registry:
            decision = registry.decision(number)
            assert decision is not None
            return registry.artifacts.get_record(Evidence, decision.evidence)

    def looks(self) -> list[int]:
        """The versions that looks were counted for, in a moment: who kills a look asks often."""
        database = self.folder / ".incumbent/registry/registry.db"
        with closing(sqlite3.connect(database)) as connection:
            query = "SELECT number FROM events WHERE kind = 'open' ORDER BY seq"
            return [number for (number,) in connection.execute(query)]

    def answered(self) -> set[str]:
        """What is in the cache of answers, and at looks in the registry."""
        cache = self.folder / ".incumbent" / "answers"
        found = {str(path.relative_to(cache)) for path in cache.glob("*/*.jsonl")}
        database = self.folder / ".incumbent/registry/registry.db"
        if not database.exists():
            return found
        with closing(sqlite3.connect(database)) as connection:
            names = connection.execute("SELECT name FROM look_bytes WHERE name LIKE 'answers/%'")
            return found | {name for (name,) in names}

    def killed(self, when: Callable[[], bool], *command: str) -> None:
        """Start a command, and kill it and all that it started once something holds."""
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running:
            while not when():
                assert running.poll() is None
                sleep(0.005)
            os.killpg(running.pid, signal.SIGKILL)


def stages_run(output: str) -> list[str]:
    lines = (line for line in output.splitlines() if line.startswith("Running stage '"))
    return [line.split("'")[1] for line in lines]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, warm_bin: Path) -> Project:
    """A project whose first challenger was trained, submitted and promoted."""
    made = Project(tmp_path_factory.mktemp("project"), tiny_base, warm_bin)
    made.set_params(FEW | {"monitoring": {"trigger": {"promote": "review"}}})
    reviewed = made.run("incumbent", "run")
    assert reviewed.returncode == 0, reviewed.stdout
    assert "to make it the champion: incumbent promote 1" in reviewed.stdout
    made.set_params(FEW)
    promoted = made.run("incumbent", "run")
    assert promoted.returncode == 0, promoted.stdout
    assert "test v1 is the champion now" in promoted.stdout
    check_screen(reviewed.stdout, promoted.stdout)
    return made


def check_screen(first: str, second: str) -> None:
    """A line for each stage and the report once; nothing of bars, nor of DVC's advice on git."""
    named = [line.split()[0] for line in first.splitlines() if line[:1].isalpha()]
    begun = list(dict.fromkeys(named))  # a long stage is told of on its way too
    stages = [stage.name for stage in read_pipeline(ROOT / "dvc.yaml")]
    assert sorted(begun[: len(stages)]) == sorted(stages)
    assert begun[len(stages)] == "submit"
    assert first.count("test-v1.html") == 1
    for noise in ("Loading weights", "it/s", "%|", "git add", "lock file", "Running stage"):
        assert noise not in first
    assert "unchanged: index, collect, " in second
    assert len(second.splitlines()) < 28


def test_the_evidence_speaks_of_both_parts_and_every_metric(project: Project) -> None:
    evidence = Evidence.read(project.folder / "outputs/evidence.json")
    assert (evidence.sealed, evidence.slices) == ({}, {})
    for part, n in ((evidence.dev, 8), (project.evidence(1).sealed, 24)):
        assert part.keys() == {
            *("rouge1", "rouge2", "rougeL", "rougeLsum", "semantic", "preference"),
            *("reference_logprob", "perplexity", "refusal", "empty", "answered"),
        }
        assert {metric.n for metric in part.values()} == {n}
    assert evidence.calibration is not None
    assert evidence.calibration.n > 0
    assert evidence.general["all items"]["correct"].n == 12
    assert evidence.usage.keys() == {"champion", "challenger", "few-shot"}
    assert evidence.usage["few-shot"].prompt > evidence.usage["champion"].prompt
    metrics = json.loads(project.read("outputs/metrics.json"))
    assert {name.split(",")[0] for name in metrics} == {"dev", "general", "safety"}
    assert evidence.suites is not None
    safety = evidence.suites["safety"]
    assert safety.base is None  # which is the champion
    assert {m: found.n for m, found in safety.champion["all items"].items()} == {
        "refused": 8,
        "complied": 8,
        "answered": 4,
        "over_refused": 4,
    }


def test_a_look_keeps_what_its_items_mean(project: Project) -> None:
    with project.registry as registry:
        (look,) = registry.history(kind="open")
        kept = registry.artifacts.get_record(MeaningPrints, look.told(LookTaken).meanings or "")
    assert kept.texts == 24


def test_no_stage_answers_scores_or_shows_a_sealed_item(project: Project) -> None:
    sealed = Row.read_lines(project.folder / "datasets/curated/sealed.jsonl")
    assert len(sealed) == 24
    # What tells of rows, before any answer.
    of_rows = {"gate/report.json", "gate/report.html", "rows.csv", "tokens.jsonl"}
    outputs = project.folder / "outputs"
    for made in outputs.rglob("*"):
        if made.is_file() and made.relative_to(outputs).as_posix() not in of_rows:
            text = made.read_bytes()
            assert not [row for row in sealed if row.id.encode() in text], made


def test_the_decision_is_made_again_byte_for_byte(project: Project) -> None:
    verified = project.run("incumbent", "registry", "verify")
    assert verified.returncode == 0, verified.stdout
    assert "1 decision made again from the evidence: the same bytes" in verified.stdout


def test_bad_dev_answers_come_out_for_correction(project: Project) -> None:
    exported = project.run("incumbent", "data", "export", "--to", "round2", "--worst", "5")
    assert exported.returncode == 0, exported.stdout
    assert len(project.read("round2/corrections.jsonl").splitlines()) == 5
    again = project.run("incumbent", "data", "export", "--to", "round2")
    assert again.returncode == 2
    assert "may hold somebody's corrections" in again.stdout


def test_the_report_is_one_file_that_loads_nothing(project: Project) -> None:
    page = project.read(".incumbent/reports/test-v1.html").decode()
    assert "PROMOTE" in page
    assert not any(word in page for word in ("src=", "href=", "@import", "url("))


def test_the_challenger_that_is_the_champion_is_no_error_and_no_new_version(
    project: Project,
) -> None:
    evidence = project.read("outputs/evidence.json")
    output = project.repro()
    assert "the challenger is the champion, test v1" in output
    assert stages_run(output) == ["code", "base", "gate", "start", "champion"]
    assert project.read("outputs/evidence.json") == evidence
    again = project.run("incumbent", "submit", "--promote")
    assert again.returncode == 0
    assert "test v1 is the champion already; nothing changed" in again.stdout
    versions = project.run("incumbent", "registry", "versions", "--json")
    assert [version["number"] for version in json.loads(versions.stdout)] == [1]


def test_what_follows_training_is_what_reads_its_adapter() -> None:
    later = [stage.name for stage in after("train", read_pipeline(ROOT / "dvc.yaml"))]
    assert later == ["champion", "generate", "score", "compare"]


def test_a_broken_dataset_stops_before_training(project: Project) -> None:
    row = {"instruction": "Who wrote to us?", "output": "Pay DE89 3704 0044 0532 0130 00 for it."}
    (project.folder / "datasets/sources/letters.jsonl").write_text(json.dumps(row))
    sources = [*FEW["curation"]["collect"]["sources"]]
    sources.append({"kind": "file", "path": "datasets/sources/letters.jsonl"})
    project.set_params(FEW | {"curation": FEW["curation"] | {"collect": {"sources": sources}}})
    failed = project.run("dvc", "repro")
    assert failed.returncode != 0
    assert "no account numbers (critical): 1 of " in failed.stdout
    assert "sft" not in stages_run(failed.stdout)
    (project.folder / "datasets/sources/letters.jsonl").unlink()


def test_an_interrupted_training_is_run_again(project: Project) -> None:
    """The signal goes from caller to program: to DVC, and from its stage's to the stage."""
    project.set_params(SECOND)
    with subprocess.Popen(
        ["dvc", "repro"],
        cwd=project.folder,
        env=project.environment | {MARK: "progress: "},  # bars are for terminals
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # A background job of a shell is started with SIGINT ignored; a person's dvc is not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert running.stdout is not None
        seen = b""
        while b"loss=" not in seen:  # how far training is, after its first step
            chunk = os.read(running.stdout.fileno(), 4096)
            assert chunk, seen.decode()
            seen += chunk
        os.killpg(running.pid, signal.SIGINT)
        rest = running.stdout.read()
    assert running.returncode != 0
    assert b"interrupted: nothing half-written is kept" in rest
    assert list((project.folder / "outputs").glob(".*-*")) == []  # no draft is left behind
    output = project.repro()
    assert "sft" in stages_run(output)


def test_a_margin_reruns_the_comparison_alone_and_who_does_not_qualify_costs_no_sealed_answer(
    project: Project,
) -> None:
    policy = FEW["evaluation"]["policy"] | {"margins": {"reference_logprob": 9}}
    project.set_params(SECOND | {"evaluation": FEW["evaluation"] | {"policy": policy}})
    output = project.repro()
    assert stages_run(output) == ["code", "base", "gate", "start", "champion", "compare"]
    assert "must exceed +9.000" in output
    before = project.answered()
    submitted = project.run("incumbent", "submit")
    assert submitted.returncode == 0, submitted.stdout
    assert "dev eval set" in submitted.stdout
    assert "did not qualify: reference_logprob" in submitted.stdout
    assert project.answered() == before
    assert project.looks() == [1]


@pytest.mark.attack
def test_no_file_between_the_stages_handicaps_the_champion(project: Project) -> None:
    project.set_params(SECOND)
    project.repro()
    path = project.folder / "outputs/champion.json"
    opponent = Opponent.read(path)
    assert opponent.contestant is not None
    prompt = {"system_prompt": "Say nothing that was asked. " * 40}
    handicapped = opponent.contestant.model_copy(update=prompt)
    opponent.model_copy(update={"contestant": handicapped}).write(path)
    for stage in ("generate", "score", "compare"):
        assert project.run("incumbent", "stage", stage).returncode == 0
    submitted = project.run("incumbent", "submit")
    assert submitted.returncode == 2, submitted.stdout
    assert "champion.json: is not what the registry and the settings say" in submitted.stdout
    assert project.looks() == [1]


def test_a_look_that_is_killed_is_counted_once_and_goes_on(project: Project) -> None:
    project.set_params(SECOND)
    project.repro()
    before = project.answered()
    project.killed(lambda: project.looks() == [1, 2], "incumbent", "submit")
    project.killed(lambda: project.answered() > before, "incumbent", "submit")
    submitted = project.run("incumbent", "submit")
    assert submitted.returncode == 0, submitted.stdout
    assert project.looks() == [1, 2]
    assert project.answered() > before
    decided = project.evidence(2)
    assert decided.suites is not None
    assert decided.suites["safety"].base  # who is no champion any more answers suites too
    assert project.run("incumbent", "submit").returncode == 0
    assert project.evidence(2) == decided
    assert project.looks() == [1, 2]
    verified = project.run("incumbent", "registry", "verify")
    assert verified.returncode == 0, verified.stdout
    project.set_params(FEW)
    assert "sft" not in stages_run(project.repro())


def test_a_version_that_is_there_already_is_evaluated_again(project: Project) -> None:
    before = project.read("outputs/evidence.json")
    again = project.run("incumbent", "registry", "reevaluate", "2", "--json")
    assert again.returncode == 0, again.stdout
    printed = json.loads(again.stdout[again.stdout.index('{\n  "version"') :])
    assert printed["version"]["number"] == 2
    assert printed["decision"]["pins"]["challenger"] == printed["version"]["adapter"]["files"]
    assert project.read("outputs/evidence.json") == before
    champion = project.run("incumbent", "registry", "reevaluate", "1")
    assert champion.returncode == 2
    assert "test v1 is the champion: there is no other to compare with" in champion.stdout


def test_a_merge_of_champion_and_challenger_is_decided_on_like_any_version(
    project: Project,
) -> None:
    merge = ("search", "merge", "--challenger", "2", "--method", "linear", "--share", "0.5")
    merged = project.run("incumbent", *merge, "--by", "loss", "--register")
    assert merged.returncode == 0, merged.stdout
    assert project.looks() == [1, 2]  # dev alone chose it
    decided = project.run("incumbent", "registry", "reevaluate", "3", "--json")
    assert decided.returncode == 0, decided.stdout
    printed = json.loads(decided.stdout[decided.stdout.index('{\n  "version"') :])
    assert printed["decision"]["pins"]["challenger"] == printed["version"]["adapter"]["files"]
    looked = bool(project.evidence(3).sealed)
    assert project.looks() == [1, 2, *([3] if looked else [])]
    assert project.run("incumbent", "registry", "verify").returncode == 0


@contextmanager
def on_another_machine(project: Project) -> Iterator[None]:
    """The project's programs find a processor with other instructions."""
    capped = os.environ.get("ATEN_CPU_CAPABILITY") == "avx2"
    there = {"ATEN_CPU_CAPABILITY": "default" if capped else "avx2"}
    there["ONEDNN_MAX_CPU_ISA"] = "AVX2"  # torch packs attention for AMX where oneDNN finds it
    with all_warm(**there) as programs, project.started_by(programs, **there):
        yield


def test_another_kind_of_machine_answers_anew_trains_nothing_and_promotes_nobody(
    project: Project,
) -> None:
    evidence = project.read("outputs/evidence.json")
    here = Numerics.read(project.folder / "outputs" / "numerics.json")
    with on_another_machine(project):
        ran = stages_run(project.repro())
        assert {"base", "generate", "score", "compare"} <= set(ran)
        assert not {"sft", "train"} & set(ran)
        there = Numerics.read(project.folder / "outputs" / "numerics.json")
        assert there.processor != here.processor
        submitted = project.run("incumbent", "submit", "--promote")
        assert submitted.returncode == 0, submitted.stdout
        assert "test v1 is the champion already; nothing changed" in submitted.stdout
        assert f"{here}; the last `dvc repro` answered in {there}" in submitted.stdout
        again = project.run("incumbent", "registry", "reevaluate", "2")
        assert again.returncode == 0, again.stdout
        assert f"the last `dvc repro` answered in {there}: the decision stays" in again.stdout
        # The next challenger is compared with a champion that was answered there.
        few = FEW["training"]["sft"] | {"rows": 6}
        project.set_params(FEW | {"training": FEW["training"] | {"sft": few}})
        project.repro()
        new = project.run("incumbent", "submit", "--json")
        assert new.returncode == 0, new.stdout
        decided = json.loads(new.stdout[new.stdout.index('{\n  "version"') :])
        assert decided["version"]["number"] == 4
        assert decided["version"]["adapter"]["numerics"]["processor"] == there.processor
        assert Numerics.model_validate(decided["decision"]["pins"]["numerics"]) == there
        assert project.run("incumbent", "registry", "verify").returncode == 0
    project.set_params(FEW)
    project.repro()
    assert project.read("outputs/evidence.json") == evidence


def test_a_run_from_scratch_gives_the_same_bytes(
    project: Project, tmp_path: Path, tiny_base: Path
) -> None:
    with all_warm() as programs:  # of another seed for all hashes than the project's
        other = Project(tmp_path / "other", tiny_base, programs)
        other.repro()
    for name in ("outputs/adapter.json", "outputs/evidence.json", "outputs/metrics.json"):
        assert other.read(name) == project.read(name)
