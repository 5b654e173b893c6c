"""A fake home for every test, and makers of small true records."""

import gc
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, chdir, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from incumbent.running.warm_programs import (
    LIBRARIES,
    read_at_import,
    warm_programs,
    write_script,
)
from project import paths
from project.canonical import digest_folder, digest_json
from project.model_pins import ModelChoice, embedded_base, pin
from project.near_duplicates import WordPrints
from project.records.adapters import Adapter, ModelPin, Numerics
from project.records.evidence import Decision, Evidence, Verdict
from project.records.record import Record
from project.records.scores import EvalSet, ScorePins
from registry.alpha_ledger.looks import SealedSet
from registry.store import Registry
from training.base import convert_embedded

ROOT = Path(__file__).parents[1]
REAL = Path(sys.executable).parent
PYTHON = """#!/bin/sh
case "$1" in -m|-P) exec "$(dirname "$0")/.python" "$@";; esac
exec {python} "$@"
"""
# Those that take minutes, by themselves or because they wait for programs. They are begun first.
LONGEST = (
    "tests/examples/test_bank_run.py",
    "tests/incumbent/on_ray",
    "tests/incumbent/test_pipeline.py",
    "tests/monitoring/test_hostile_month.py",
    "tests/incumbent/test_own_project.py",
    "tests/documentation/test_tutorial.py",
)
WARM = pytest.StashKey[Path]()
# Variables that libraries read when they are imported. A program starts warm only where they are as
# the server's, so every environment that tests make has these.
READ_BY_LIBRARIES = read_at_import(os.environ) | {"OMP_NUM_THREADS": "1"}
BASE = ModelPin(
    model="m", name="a-base", revision="r", weights="b" * 64, config="c" * 64, chat_template=None
)


NUMERICS = Numerics(precision="float32", processor="a processor")


# In CI the examples of a property are the same in every run: what forty do not find is not found.
settings.register_profile("brief", parent=settings(), max_examples=40)
settings.load_profile("brief")
# Files whose tests stay in one process, for they share what is slow to make.
TOGETHER = {
    "tests/serving/vllm": "vLLM",
    "tests/incumbent/on_ray": "Ray",
    "tests/incumbent/test_own_project.py": "wheel",
    "tests/incumbent/test_wheel.py": "wheel",
}


class ByFile(LoadFileScheduling):
    """A file's tests stay in one process, for they share fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        found = (scope for place, scope in TOGETHER.items() if nodeid.startswith(place))
        return next(found, super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """All processes of a run share one cache, which is not the user's own, and one server of
    programs, which has nothing to do until it is asked.
    """
    os.environ["XDG_CACHE_HOME"] = str(ROOT / ".incumbent" / "cache")
    os.environ.pop("INCUMBENT_CACHE", None)  # a user's own, which would win
    told = getattr(config, "workerinput", None)  # of xdist, in its processes
    if told is None:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[WARM] = stack.enter_context(all_warm(**READ_BY_LIBRARIES))
    else:
        config.stash[WARM] = Path(told["warm"])


def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["warm"] = str(node.config.stash[WARM])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python looks for cycles neither while modules are read nor, later on, among what they hold:
    that takes an eighth of the time of this.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, then files with slow tests, so that none is begun when the other processes
    have ended.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))

    def order(item: pytest.Item) -> tuple[bool, int]:
        return not item.nodeid.startswith(LONGEST), -slow[item.path]

    items.sort(key=order)


@pytest.fixture(scope="session", autouse=True)
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures of a module or a session, which are made before `isolate`, write nothing into the
    repository either.
    """
    with chdir(tmp_path_factory.mktemp("outside")):
        yield


@pytest.fixture(autouse=True)
def isolate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in an empty folder, with its own state and a fixed name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INCUMBENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INCUMBENT_ACTOR", "tester")
    return tmp_path


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a registry in which nothing happened: to copy it takes a tenth of the time."""
    folder = tmp_path_factory.mktemp("registries") / "empty"
    with Registry(folder, "test"):
        pass
    return folder


@pytest.fixture
def registry(tmp_path: Path, empty_registry: Path) -> Iterator[Registry]:
    """A registry whose clock ticks once a second from the first of January 2026."""
    shutil.copytree(empty_registry, tmp_path / "registry")
    ticks = iter(range(10_000))
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def clock() -> datetime:
        return start + timedelta(seconds=next(ticks))

    with Registry(tmp_path / "registry", "test", clock=clock) as opened:
        yield opened


@pytest.fixture
def make_adapter(tmp_path: Path) -> Callable[[str], tuple[Adapter, Path]]:
    """Make an adapter's folder whose bytes are a function of its name."""

    def make(name: str) -> tuple[Adapter, Path]:
        folder = tmp_path / f"adapter-{name}"
        folder.mkdir(exist_ok=True)
        (folder / "adapter_model.safetensors").write_bytes(name.encode())
        (folder / "adapter_config.json").write_text("{}")
        files = digest_folder(folder)
        return Adapter(files=files, base=BASE, recipe="c" * 64, dataset="d" * 64), folder

    return make


def printed_in_other_processes(code: str) -> set[str]:
    """What a program prints in two processes with two hash seeds: one text, if all is well."""
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(Path.home())}
    return {
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }


def sealed_set(*prompts: str) -> SealedSet:
    """A sealed eval set of items that ask these prompts."""
    return SealedSet(EvalSet(items=tuple(map(digest_json, prompts))), WordPrints.of(prompts))


SEALED = sealed_set("who can block a lost card", "what does a late transfer cost")


def evidence_of(
    challenger: str, champion: str | None, eval_set: str = SEALED.items.digest
) -> Evidence:
    pins = ScorePins(
        eval_set=eval_set,
        base=BASE.weights,
        champion=champion,
        challenger=challenger,
        decoding="f" * 64,
        scorers="a" * 64,
    )
    return Evidence(pins=pins, policy=pins.digest, dev={}, sealed={}, slices={})


def decision_on(evidence: Evidence, verdict: Verdict) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=("because",),
        opening=1,
        alpha=0.03,
        bounds={},
        needed=None,
        pins=evidence.pins,
        evidence=evidence.digest,
        policy=evidence.digest,
        rule=1,
    )


def keep_decision(
    registry: Registry,
    number: int,
    decision: Decision,
    evidence: Evidence,
    policy: Record | None = None,
    sealed: SealedSet = SEALED,
) -> Decision:
    """Keep a decision at the look that is counted for it, if it says that one was taken."""
    policy = policy or evidence  # any record will do
    decision = decision.model_copy(update={"policy": policy.digest})
    if decision.opening is not None:
        assert evidence.pins is not None
        look = registry.count_look(number, evidence.pins, sealed, policy=policy.digest, alpha=0.05)
        changes = {"opening": look.number, "budget": look.budget}
        decision = decision.model_copy(update=changes)
    registry.record_decision(number, decision, evidence, policy)
    return decision


@contextmanager
def all_warm(python: str | Path = sys.executable, **variables: str) -> Iterator[Path]:
    """A folder of `incumbent`, `dvc` and `python` that start at once, each with all libraries.

    Where a test is about the bytes that two runs make, it takes two of these: what one starts has
    one seed for all hashes. python: whose libraries they have. variables: of the server.
    """
    names = ("incumbent", "dvc", ".python")
    libraries = ("dvc.cli.parser", "dvc.repo.reproduce", *sum(LIBRARIES.values(), ()))
    with warm_programs(names, {**os.environ, **variables}, libraries, python) as folder:
        if folder != Path(python).parent:
            write_script(folder / "python", PYTHON.format(python=python))
            (folder / "python3").symlink_to("python")
        yield folder


@pytest.fixture(scope="session")
def warm_bin(pytestconfig: pytest.Config) -> Path:
    """A folder of `incumbent`, `dvc` and `python` that start at once."""
    return pytestconfig.stash[WARM]


@pytest.fixture
def warm(warm_bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is started by name, or by `sys.executable`, be of those."""
    monkeypatch.setattr(sys, "executable", str(warm_bin / "python"))
    monkeypatch.setenv("PATH", f"{warm_bin}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="session")
def word_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base for what reads no more of it than its tokenizer: every word is a token."""
    # Imported here so that other tests do not wait for it.
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"?": 0, "<end>": 1}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }} <end> {% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    folder = tmp_path_factory.mktemp("models") / "words"
    tokenizer.save_pretrained(folder)
    shape = {"hidden_size": 64, "num_hidden_layers": 3, "vocab_size": 1000}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128}
    config = {"model_type": "llama", "max_position_embeddings": 1000, **shape, **heads}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"no weights")
    return folder


@pytest.fixture
def pinned_base(word_base: Path) -> None:
    """That base, as stage `base` pins it in the current folder."""
    pin(ModelChoice(model=str(word_base)), "base").write(paths.BASE)


@pytest.fixture(scope="session")
def tiny_base(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(base_model, tmp_path_factory.mktemp("models") / "tiny")


def make_tiny_base(base: Path, folder: Path, tokens: int = 4096) -> Path:
    """Three narrow layers with random weights, and the first tokens of the embedded base: with all
    of them most of a step's time would be those that no text here has.
    """
    # Imported here so that the fast tests do not wait for torch.
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(folder)
    keep_first_tokens(folder / "tokenizer.json", tokens)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokens,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,  # of fewer, PEFT lists the layers one by one
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def keep_first_tokens(file: Path, count: int) -> None:
    """Take the later tokens of a byte-level BPE away, and the merges that make them."""
    tokenizer = json.loads(file.read_bytes())
    model = tokenizer["model"]
    model["vocab"] = {token: i for token, i in model["vocab"].items() if i < count}
    model["merges"] = [pair for pair in model["merges"] if "".join(pair) in model["vocab"]]
    file.write_text(json.dumps(tokenizer))


@pytest.fixture(scope="session")
def base_model() -> Path:
    """The embedded base model, converted once for all tests and kept beside the project's own."""
    target = ROOT / ".incumbent" / "models" / embedded_base().name
    if not target.is_dir():
        convert_embedded(target)
    return target


@pytest.fixture
def any_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge goes on however many of its answers are without a verdict."""
    monkeypatch.setattr("evaluation.preference.judging_model.UNPARSED_CAP", 1)
