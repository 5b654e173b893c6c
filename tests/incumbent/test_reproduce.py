"""A version is made again from its commit, and what differs is told."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.numpy import load_file, save_file

from incumbent.code import Code
from incumbent.current_provenance import keep_tag
from incumbent.reproducing.project_copy import (
    copy_project,
    fetch_sources,
    inside,
    log_kept,
    reproducible,
    seat,
    seat_parent,
)
from incumbent.reproducing.reproduction import (
    Reproduction,
    adapter_differences,
    beyond_chance,
    code_differences,
    dev_differences,
    held_against,
    make_again,
    package_differences,
    recipe_differences,
)
from incumbent.verbs.run import print_reproduction, working_folder
from project import paths
from project.canonical import digest_file, digest_folder
from project.child_processes import AUTHOR, git
from project.errors import IncumbentError, InputError
from project.files import home
from project.records.adapters import Adapter, Provenance
from project.records.evidence import MetricEvidence
from registry.lineage import RECIPE
from registry.reader import RegistryReader
from registry.store import Registry
from tests.conftest import BASE, NUMERICS
from tests.incumbent.reproducible_project import lay_out_reproducible, train_and_register
from tests.places import DATASET, made
from training.recipe import LearntRows, Recipe
from training.start import known_rows, starting_version

pytestmark = pytest.mark.usefixtures("warm")


def provenance(commit: str, **changes: Any) -> Provenance:
    fields: dict[str, Any] = {
        "head": None,
        "changed": (),
        "folder": ".",
        "remote": None,
        "rows": None,
        "data_remote": None,
        "packages": {"numpy": "2.0"},
    }
    return Provenance.model_validate({"commit": commit, **fields, **changes})


def submitted(registry: Registry, name: str, found: Provenance | None, **changes: Any) -> int:
    adapter, files = made(name, Path.cwd().parent / "adapters")
    adapter = adapter.model_copy(update=changes)
    return registry.submit(adapter, files, "a test", DATASET, provenance=found).number


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A git repository with a project of DVC's: one file that DVC tracks, one that git does."""
    for scope in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{scope}", str(tmp_path / "no-such-file"))
    monkeypatch.setenv("INCUMBENT_HOME", ".incumbent")
    Path("project").mkdir()
    monkeypatch.chdir("project")
    git("init", "-q", "-b", "main")
    Path("params.yaml").write_text("registry: {family: test, database: sqlite:///shared.db}\n")
    Path(".gitignore").write_text("/.incumbent/\n/models/\n")
    return Path.cwd()


def commit() -> str:
    git("add", "-A")
    git(*AUTHOR, "commit", "-qm", "as it was")
    return git("rev-parse", "HEAD").decode().strip()


# --- what cannot be made again --------------------------------------------------------------------


def test_a_version_without_a_commit_on_record_cannot_be_made_again(
    project: Path, registry: Registry
) -> None:
    with pytest.raises(InputError, match=r"^test v1 has no commit on record: it was submitted out"):
        reproducible(registry, submitted(registry, "one", None))


def test_nor_one_that_was_deleted_or_is_not_there(project: Path, registry: Registry) -> None:
    number = submitted(registry, "one", provenance(commit()))
    registry.delete(number, "a test")
    with pytest.raises(InputError, match=r"^test v1 was deleted"):
        reproducible(registry, number)
    with pytest.raises(InputError, match="test has no version 7"):
        reproducible(registry, 7)


def test_a_commit_that_is_not_here_is_fetched_by_its_tag(project: Path, registry: Registry) -> None:
    here, absent = commit(), "f" * 40
    number = submitted(registry, "one", provenance(absent, remote="git.example:bank.git"))
    with pytest.raises(IncumbentError, match="`git fetch REMOTE tag incumbent/test/v1` brings it"):
        reproducible(registry, number)
    git("remote", "add", "origin", "elsewhere")
    with pytest.raises(IncumbentError, match="`git fetch origin tag incumbent/test/v1` brings it"):
        reproducible(registry, number)
    keep_tag("test", 1, here)  # of another registry
    other = f"incumbent/test/v1-{'f' * 12}"
    with pytest.raises(IncumbentError, match=f"tag {other}` brings it.*git.example:bank.git"):
        reproducible(registry, number)


def test_a_parent_whose_files_are_gone_is_named(project: Path, registry: Registry) -> None:
    number = submitted(registry, "one", provenance(commit()), parent="9" * 64)
    with pytest.raises(IncumbentError, match="was trained from adapter 999999999999, whose files"):
        reproducible(registry, number)


# --- the copy -------------------------------------------------------------------------------------


def test_the_copy_is_the_project_of_then_with_a_registry_of_its_own(project: Path) -> None:
    then = commit()
    Path("params.yaml").write_text("registry: {family: other}\n")
    commit()
    copy = copy_project(provenance(then), Path.cwd().parent / "copy")
    assert yaml.safe_load((copy / "params.yaml").read_bytes()) == {"registry": {"family": "test"}}
    with inside(copy):
        assert home() == copy / ".incumbent"
        with RegistryReader.here() as registry:
            assert registry.family == "test"
            assert str(copy) in str(registry.engine.url)
    assert home() == Path(".incumbent")


def test_a_registry_in_the_environment_is_not_the_copys(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCUMBENT_DATABASE", "postgresql://somewhere/else")
    with inside(project):
        assert "INCUMBENT_DATABASE" not in os.environ
    assert os.environ["INCUMBENT_DATABASE"] == "postgresql://somewhere/else"


def test_checkpoints_that_are_kept_elsewhere_are_not_gone_on_with(project: Path) -> None:
    Path("params.yaml").write_text("training: {limits: {checkpoints: s3://bank/c, minutes: 5}}\n")
    copy = copy_project(provenance(commit()), Path.cwd().parent / "copy")
    limits = yaml.safe_load((copy / "params.yaml").read_bytes())["training"]["limits"]
    assert limits == {"checkpoints": None, "minutes": 5}


def test_a_base_that_git_ignores_is_lent_to_the_copy(project: Path) -> None:
    Path("params.yaml").write_text("base: {model: models/tiny}\nembedder: {model: embedded}\n")
    Path("models/tiny").mkdir(parents=True)
    Path(".incumbent/models/converted").mkdir(parents=True)
    copy = copy_project(provenance(commit()), Path.cwd().parent / "copy")
    assert (copy / "models/tiny").resolve() == Path("models/tiny").resolve()
    assert (copy / ".incumbent/models/converted").is_dir()


def test_a_project_in_a_folder_of_its_repository_is_found_there(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in/bank").mkdir(parents=True)
    shutil.copy("params.yaml", "in/bank")
    then = commit()
    monkeypatch.chdir("in/bank")
    copy = copy_project(provenance(then, folder="in/bank"), project.parent / "copy")
    assert copy == project.parent / "copy" / "in/bank"
    assert (copy / "params.yaml").exists()


def test_the_log_of_a_failure_outlives_the_copy(project: Path) -> None:
    copy = project.parent / "copy"
    log = copy / ".incumbent/logs/run.log"
    log.parent.mkdir(parents=True)
    log.write_text("what was printed")
    message = log_kept(copy, f"stage 'sft' failed: see {log}")
    assert message == "stage 'sft' failed: see .incumbent/logs/reproduce.log"
    assert Path(".incumbent/logs/reproduce.log").read_text() == "what was printed"


def test_the_folder_is_gone_even_after_an_interruption_and_a_kept_one_is_new(
    project: Path,
) -> None:
    with pytest.raises(KeyboardInterrupt), working_folder(None) as folder:
        (folder / "file").write_text("x")
        raise KeyboardInterrupt
    assert not folder.exists()
    with working_folder(Path("kept")) as kept:
        (kept / "file").write_text("x")
    assert Path("kept/file").exists()
    with pytest.raises(InputError, match="kept is there already"), working_folder(Path("kept")):
        pass


# --- the registry of the copy ---------------------------------------------------------------------


def test_whom_training_started_from_is_the_champion_of_the_copy_whoever_is_it_today(
    project: Path, registry: Registry
) -> None:
    adapter, files = made("parent", project.parent / "adapters")
    learnt = LearntRows(learnt=("0" * 16,))
    parent = registry.submit(adapter, files, "a test", DATASET, learnt)
    today = registry.version(submitted(registry, "today", None))
    registry.promote(today.number, "a test", force=True)
    (project / ".incumbent").mkdir()
    before = registry.history()
    seat_parent(registry, parent, project)
    with Registry(project / ".incumbent/registry", "test") as own:
        champion = own.champion()
        assert champion and champion.adapter.files == parent.adapter.files
        for rows in (DATASET.rows, "another digest"):  # what the parent was trained on, and not
            chosen, _ = starting_version(own, rows)
            assert chosen and chosen.adapter.files == parent.adapter.files
        assert known_rows(own, champion.number) == ("0" * 16,)
    seat(registry, today, project)
    with Registry(project / ".incumbent/registry", "test") as own:
        champion = own.champion()
        assert champion and champion.adapter == today.adapter
    assert registry.history() == before


# --- what differs ---------------------------------------------------------------------------------


def test_equal_trainings_differ_in_nothing() -> None:
    adapter = made("one", Path("a"))[0]
    assert list(adapter_differences(adapter, adapter)) == []
    assert list(package_differences({"numpy": "2"}, {"numpy": "2"})) == []
    assert list(recipe_differences(b'{"sft": {"a": 1}}', b'{"sft": {"a": 1}}')) == []
    code = {"sft": Code(files={"a.py": "1" * 64})}
    assert list(code_differences(code, code)) == []


def test_each_thing_that_decides_the_bytes_is_told_in_a_line() -> None:
    then = made("one", Path("a"))[0].model_copy(update={"numerics": NUMERICS})
    other = BASE.model_copy(update={"weights": "8" * 64})
    there = NUMERICS.model_copy(update={"processor": "another processor"})
    changes = {"numerics": there, "base": other, "dataset": "7" * 64}
    assert list(adapter_differences(then, then.model_copy(update=changes))) == [
        "trained in float32 on a processor then, float32 on another processor now",
        "base a-base (weights bbbbbbbbbbbb) then, a-base (weights 888888888888) now",
        f"dataset {DATASET.digest[:12]} then, 777777777777 now",
    ]
    assert list(package_differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"})) == [
        "packages: a 1 then, none now; b 2 then, 3 now; c none then, 4 now"
    ]
    old, new = b'{"sft": {"epochs": 1}, "numerics": {"p": 1}}', b'{"sft": {"epochs": 2}}'
    assert list(recipe_differences(old, new)) == ["recipe: sft.epochs 1 then, 2 now"]


def test_code_that_changed_is_told_once_for_all_stages_that_run_it() -> None:
    then = {stage: Code(files={"a.py": "1" * 64}) for stage in ("sft", "dpo")}
    now = {stage: Code(files={"a.py": "2" * 64}) for stage in ("sft", "dpo")}
    assert list(code_differences(then, now)) == ["code of sft, dpo: a.py"]
    (unknown,) = code_differences(None, now)
    assert unknown.startswith("code: which it was is kept nowhere")


def metric(diff: float, se: float, **changes: Any) -> MetricEvidence:
    fields: dict[str, Any] = {
        "n": 60,
        "clusters": 60,
        "unjudged": 0,
        "champion_mean": 0.5,
        "challenger_mean": 0.5 + diff,
        "diff": diff,
        "sd": 0.1,
        "se": se,
        "df": 59.0,
        "wins": 1,
        "losses": 1,
        "p": 0.5,
        "bootstrap": (diff - 0.1, diff + 0.1),
    }
    return MetricEvidence.model_validate({**fields, **changes}, strict=False)


def test_a_difference_on_dev_is_reproduced_less_original_in_every_metric() -> None:
    measured = {"rougeL": metric(-0.02, 0.01), "perplexity": metric(1.0, 0.5, better="less")}
    rouge, perplexity = dev_differences(measured)
    assert (rouge.difference, perplexity.difference) == (-0.02, -1.0)
    assert rouge.interval == pytest.approx((-0.02 - 2.001 * 0.01, -0.02 + 2.001 * 0.01), abs=1e-5)
    assert perplexity.interval == pytest.approx((-1 - 2.001 * 0.5, -1 + 2.001 * 0.5), abs=1e-3)


@pytest.mark.parametrize(
    ("diffs", "expected"),
    [
        ((0.0, 0.0), []),
        ((0.021, 0.0), []),  # p = 0.04: one of two metrics is that far by chance
        ((0.04, 0.0), ["a"]),
        ((-0.04, 0.05), ["a", "b"]),
    ],
    ids=["equal", "one of two by chance", "one", "both"],
)
def test_chance_is_that_of_all_metrics_together(
    diffs: tuple[float, float], expected: list[str]
) -> None:
    measured = dict(zip("ab", (metric(diff, 0.01) for diff in diffs), strict=True))
    assert beyond_chance(list(dev_differences(measured))) == expected


@pytest.mark.parametrize(("diff", "expected"), [(0.0, []), (0.3, ["a"])], ids=["none", "some"])
def test_the_same_difference_on_every_item_is_no_chance_but_where_it_is_none(
    diff: float, expected: list[str]
) -> None:
    (same,) = dev_differences({"a": metric(diff, 0.0)})
    assert (same.difference, same.interval) == (diff, (diff, diff))
    assert beyond_chance([same]) == expected


# --- what is printed ------------------------------------------------------------------------------

MADE = Reproduction(
    version="bank v3",
    commit="e" * 40,
    original="1" * 64,
    reproduced="1" * 64,
    files=(),
    numerics=NUMERICS,
    seconds=61.0,
    differences=(),
    dev=(),
    beyond_chance=(),
)
OTHER = MADE.model_copy(
    update={
        "reproduced": "2" * 64,
        "files": ("adapter_model.safetensors", "recipe.json"),
        "dev": tuple(dev_differences({"rougeL": metric(0.02, 0.01)})),
    }
)


def test_the_same_bytes_are_said_in_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_reproduction(MADE)
    printed = capsys.readouterr().out
    assert printed.startswith("bank v3 was made again from commit eeeeeeeeeeee: the same bytes\n")
    assert "float32 on a processor" in printed and "1 min 1 s" in printed
    assert len(printed.splitlines()) == 4


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "nothing that is on record differs: the number of threads"),
        ({"differences": ("packages: a 1 then, 2 now",)}, "what differs\n  packages: a 1 then"),
        ({}, "within chance in every metric"),
        ({"beyond_chance": ("rougeL",)}, "they differ more than chance in rougeL"),
        ({"dev": (), "not_compared": "no room"}, "were not compared on dev: no room"),
    ],
    ids=["nothing known", "packages", "chance", "more than chance", "not compared"],
)
def test_other_bytes_are_said_with_what_differs_and_what_that_does(
    changes: dict[str, Any], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_reproduction(OTHER.model_copy(update=changes))
    assert expected in capsys.readouterr().out


# --- all of it, really ----------------------------------------------------------------------------


@dataclass(frozen=True)
class MadeAgain:
    """A project whose first version was made again, in a folder that is kept."""

    folder: Path
    copy: Path
    found: Reproduction
    printed: str
    changed: dict[str, str]  # files of the project that the reproduction changed, came or went


@pytest.fixture(scope="module")
def made_again(tmp_path_factory: pytest.TempPathFactory) -> MadeAgain:
    folder, copy = tmp_path_factory.mktemp("reproducible"), tmp_path_factory.mktemp("copy")
    said = io.StringIO()
    with (
        chdir(folder),
        redirect_stderr(said),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("INCUMBENT_HOME", "home")
        lay_out_reproducible()
        assert train_and_register().label == "bank v1"
        shutil.rmtree(paths.ADAPTER_FILES)  # nobody needs what was here then
        Path("params.yaml").write_text("registry: {family: bank}\n")
        before = state()
        patch.setenv("OMP_NUM_THREADS", "2")  # not as many as it was trained with
        with Registry.here() as registry:
            found = make_again(registry, reproducible(registry, 1), copy, lambda _: None)
        changed = dict(before.items() ^ state().items())
    return MadeAgain(folder, copy, found, said.getvalue(), changed)


@pytest.fixture
def own_state(made_again: MadeAgain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made_again.folder)
    monkeypatch.setenv("INCUMBENT_HOME", "home")


def state() -> dict[str, str]:
    """Every file of the project, git's and DVC's too."""
    return {str(path): digest_file(path) for path in Path().rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_same_commit_on_the_same_machine_gives_the_same_bytes_and_changes_nothing(
    made_again: MadeAgain,
) -> None:
    assert made_again.found.same
    assert (made_again.found.files, made_again.found.differences) == ((), ())
    assert "trained sft" in made_again.printed  # no output came from a cache
    assert made_again.changed == {}


@pytest.mark.slow
@pytest.mark.usefixtures("own_state")
def test_other_bytes_of_another_machine_are_told_and_both_adapters_are_asked_on_dev(
    made_again: MadeAgain,
) -> None:
    with Registry.here() as registry:
        first = reproducible(registry, 1)
        elsewhere = from_another_machine(registry, first.version.adapter)
        number = registry.submit(*elsewhere, "a test", provenance=first.provenance).number
        history = registry.history()
        wanted = reproducible(registry, number)
        found = held_against(registry, wanted, made_again.copy, 1.0, None)
        assert registry.history() == history
    assert found.files == ("adapter_model.safetensors", "recipe.json")
    numerics, code = found.differences
    assert numerics.startswith("trained in float32 on another processor then, float32")
    assert code.startswith("code: ")
    rouge = {one.metric: one for one in found.dev}["rougeL"]
    assert rouge.items == 20
    assert rouge.interval[0] <= rouge.difference <= rouge.interval[1]
    assert found.not_compared is None
    scores = {path.name.partition(".")[0] for path in (made_again.copy / paths.SCORES).iterdir()}
    assert "dev" in scores and "sealed" not in scores


def from_another_machine(registry: Registry, adapter: Adapter) -> tuple[Adapter, Path]:
    """A version's adapter, as if another kind of processor had rounded its weights."""
    folder = Path("home/elsewhere")
    folder.mkdir()
    registry.artifacts.copy(adapter.files, folder)
    weights = folder / "adapter_model.safetensors"
    save_file(
        {name: tensor * 1.001 for name, tensor in load_file(weights).items()},
        weights,
        {"format": "pt"},
    )
    recipe = Recipe.read(folder / RECIPE)
    there = recipe.numerics.model_copy(update={"processor": "another processor"})
    recipe = recipe.model_copy(update={"numerics": there})
    recipe.write(folder / RECIPE)
    changes = {"files": digest_folder(folder), "recipe": recipe.digest, "numerics": there}
    return adapter.model_copy(update=changes), folder


@pytest.mark.slow
@pytest.mark.usefixtures("own_state")
def test_sources_that_are_nowhere_are_told_of_and_a_remote_that_has_them_is_asked(
    tmp_path: Path,
) -> None:
    then = git("rev-parse", "incumbent/bank/v1").decode().strip()
    store, config = tmp_path / "store", Path(".dvc/config.local")
    shutil.copytree(".dvc/cache/files", store / "files")  # as `dvc push` lays it out
    with away(Path(".dvc/cache/files")):
        copy = copy_project(provenance(then), tmp_path / "copy")
        with pytest.raises(IncumbentError, match=r"cache, and it has no default remote: .*curated"):
            fetch_sources(Path(), copy)
        config.write_text(f"[core]\nremote = store\n['remote \"store\"']\nurl = {store}\n")
        fetch_sources(Path(), copy)
        config.unlink()
    assert (copy / "datasets/curated/train.jsonl").exists()
    assert "store" not in (copy / ".dvc/config.local").read_text()


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Without a folder, for a while."""
    aside = folder.rename(folder.with_name("aside"))
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
