"""A version's project is a commit under a tag, and nothing that a person works with is touched."""

from collections.abc import Callable
from pathlib import Path

import pytest

from incumbent import current_provenance as snapshots
from incumbent.current_provenance import (
    Snapshot,
    commit_of,
    current_provenance,
    data_remote,
    git_remote,
    keep_tag,
    snapshot,
    tag_version,
    without_secrets,
)
from project.child_processes import AUTHOR, GitError, git
from project.records.adapters import AdapterVersion, Provenance
from registry.audit import problems
from registry.lineage import trace
from registry.model_card import card
from registry.store import Registry
from tests.places import DATASET
from tests.places import made as made_adapter


@pytest.fixture(autouse=True)
def own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests counts; here nobody has a name."""
    for scope in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{scope}", str(tmp_path / "no-such-file"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def said(*words: str) -> str:
    return git(*words).decode().strip()


def commit(message: str = "first") -> str:
    said("add", "-A")
    said(*AUTHOR, "commit", "-qm", message)
    return said("rev-parse", "HEAD")


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two files in a repository with one commit, with an ignored folder."""
    Path("project").mkdir()
    monkeypatch.chdir("project")
    monkeypatch.setenv("INCUMBENT_HOME", "home")
    said("init", "-q", "-b", "main")
    Path(".gitignore").write_text("/outputs/\n/home/\n")
    Path("params.yaml").write_text("a: 1\n")
    commit()
    return Path.cwd()


def taken() -> Snapshot:
    made = snapshot("a message")
    assert made is not None
    return made


def test_a_project_as_it_was_checked_out_is_its_head(project: Path) -> None:
    head = said("rev-parse", "HEAD")
    assert taken() == Snapshot(commit=head, head=head, changed=(), folder=".")


def test_changed_new_and_deleted_files_are_in_a_commit_of_their_own(project: Path) -> None:
    Path("gone.txt").write_text("x")
    head = commit("second")
    Path("gone.txt").unlink()
    Path("params.yaml").write_text("a: 2\n")
    Path("dvc.lock").write_text("new")
    Path("outputs").mkdir()
    Path("outputs/adapter.bin").write_text("ignored")
    made = taken()
    assert (made.head, made.changed) == (head, ("dvc.lock", "gone.txt", "params.yaml"))
    assert said("ls-tree", "-r", "--name-only", made.commit).split() == [
        ".gitignore",
        "dvc.lock",
        "params.yaml",
    ]
    assert said("show", f"{made.commit}:params.yaml") == "a: 2"
    assert said("rev-parse", f"{made.commit}^") == head


def test_branch_index_and_working_tree_are_as_they_were(project: Path) -> None:
    Path("params.yaml").write_text("a: 2\n")
    Path("staged.txt").write_text("staged")
    said("add", "staged.txt")
    Path("staged.txt").write_text("edited since")
    before = said("status", "--porcelain"), Path(".git/index").read_bytes(), said("log", "--all")
    made = taken()
    after = said("status", "--porcelain"), Path(".git/index").read_bytes(), said("log", "--all")
    assert after == before
    assert said("show", f"{made.commit}:staged.txt") == "edited since"


def test_what_lies_elsewhere_in_the_repository_stays_as_it_is_in_head(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("models/bank").mkdir(parents=True)
    Path("models/bank/dvc.lock").write_text("1")
    commit("a project in a folder")
    Path("params.yaml").write_text("somebody else's work")
    said("add", "params.yaml")
    monkeypatch.chdir("models/bank")
    Path("dvc.lock").write_text("2")
    made = taken()
    assert (made.folder, made.changed) == ("models/bank", ("dvc.lock",))
    assert said("show", f"{made.commit}:params.yaml") == "a: 1"


def test_a_repository_without_commits_gets_one_without_a_parent() -> None:
    said("init", "-q")
    Path("params.yaml").write_text("a: 1\n")
    made = taken()
    assert (made.head, made.changed) == (None, ("params.yaml",))
    assert said("rev-list", "--count", made.commit) == "1"
    assert said("log", "-1", "--format=%ae", made.commit) == "incumbent@localhost"


def test_outside_of_git_there_is_nothing_to_record_and_nothing_to_say() -> None:
    Path("params.yaml").write_text("{}")
    assert current_provenance() == (None, None)
    assert git_remote() is None


def test_state_and_what_users_wrote_never_come_into_git(project: Path) -> None:
    Path(".gitignore").write_text("/outputs/\n")  # of an older project
    for file in ("home/registry.db", "datasets/traffic/day.jsonl", "datasets/queue/labels.json"):
        Path(file).parent.mkdir(parents=True)
        Path(file).write_text("of users")
    Path("datasets/sources.csv").write_text("a row")
    Path("params.yaml").write_text("review: {users: users.yaml}")
    Path("users.yaml").write_text("users: {ann: a hash of her password}")
    found, problem = current_provenance()
    assert found is not None and problem is None
    assert found.changed == (".gitignore", "datasets/sources.csv", "params.yaml")


def test_folders_that_are_ignored_already_are_no_obstacle(project: Path) -> None:
    Path("home").mkdir()
    Path("home/registry.db").write_text("x")
    Path("params.yaml").write_text("a: 3\n")
    made = snapshot("m", [Path("home"), Path("/elsewhere")])
    assert made is not None and made.changed == ("params.yaml",)


def test_a_file_may_become_a_folder_and_a_folder_a_file(project: Path) -> None:
    one, two = Path("datasets/a"), Path("datasets/b")
    two.mkdir(parents=True)
    one.write_text("file")
    (two / "c").write_text("in a folder")
    commit()
    one.unlink()
    one.mkdir()
    (one / "d").write_text("in a folder")
    (two / "c").unlink()
    two.rmdir()
    two.write_text("file")
    assert taken().changed == ("datasets/a", "datasets/a/d", "datasets/b", "datasets/b/c")


def test_another_repository_in_the_project_is_no_part_of_it(project: Path) -> None:
    said("init", "-q", "inner")
    Path("inner/own.txt").write_text("x")
    assert taken().changed == ()


def test_names_may_hold_anything_that_a_file_system_lets_them(project: Path) -> None:
    names = ["new\nline.txt", '"quoted".txt', ":(top)magic", "-dash", "ümlaut"]
    Path("datasets").mkdir()
    for name in names:
        Path("datasets", name).write_text(name)
    assert set(taken().changed) == {f"datasets/{name}" for name in names}


@pytest.mark.attack
def test_secrets_and_notes_that_git_does_not_know_come_into_no_commit(project: Path) -> None:
    Path("params.yaml").write_text("{}")
    for name in (".env", "notes.txt", "logs/run.log"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("sk-123")
    found, problem = current_provenance()
    assert found is not None and found.changed == ("params.yaml",)
    assert problem is not None and "without 'logs/run.log', 'notes.txt'," in problem
    assert problem.startswith(
        "its commit is without what looks like a secret: '.env' (by its name)"
    )
    assert "sk-123" not in said("log", "-p", "--all", "--", ".env", "notes.txt")


SECRET = "h5Tz9qLmW2xR"
LIKE_SECRETS = [
    ("datasets/.env", "a", "by its name"),
    ("datasets/prod.env", "a", "by its name"),
    ("datasets/id_ed25519", "a", "by its name"),
    (".dvc/config", f"url = s3://key:{SECRET}@host/bucket", "it holds a password in an address"),
    ("datasets/notes.md", f"the key: sk-{SECRET}{SECRET}", "it holds a key or token"),
    ("datasets/a.pem", "-----BEGIN EC PRIVATE KEY-----", "it holds a private key"),
]
NO_SECRETS = [
    ("datasets/.env.example", "a"),
    ("datasets/faq.csv", "How do I set a password?,Under Settings."),
    ("datasets/rows.jsonl", '{"url": "https://bank.example/help"}'),
]


@pytest.mark.attack
@pytest.mark.parametrize("added", [False, True], ids=["new", "added"])
def test_what_looks_like_a_secret_comes_into_no_commit(project: Path, added: bool) -> None:
    for name, text, *_ in (*LIKE_SECRETS, *NO_SECRETS):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
        if added:
            said("add", "--force", name)
    made = taken()
    assert made.secret == tuple(sorted((name, why) for name, _, why in LIKE_SECRETS))
    assert made.changed == tuple(sorted(name for name, _ in NO_SECRETS))


@pytest.mark.attack
def test_a_known_file_that_has_become_a_secret_makes_no_commit(project: Path) -> None:
    settings = f"registry: {{database: 'postgresql://ann:{SECRET}@host/db'}}"
    Path("params.yaml").write_text(settings)
    found, problem = current_provenance()
    assert found is None
    assert problem and "'params.yaml' looks like a secret (it holds a password in an ad" in problem


@pytest.mark.parametrize("wanted", [False, True])
def test_new_files_come_into_a_commit_where_that_is_set(project: Path, wanted: bool) -> None:
    Path("params.yaml").write_text(f"registry: {{commit_untracked: {str(wanted).lower()}}}")
    for name in (".env", "notes.txt"):
        Path(name).write_text("a note")
    found, problem = current_provenance()
    assert found is not None and problem is not None
    assert found.changed == (("notes.txt", "params.yaml") if wanted else ("params.yaml",))
    assert ("or set registry.commit_untracked" in problem) != wanted
    assert "'.env' (by its name)" in problem


def test_a_file_that_is_too_large_for_git_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "LARGEST", 1 << 20)
    Path("datasets").mkdir()
    Path("datasets/base.safetensors").write_bytes(bytes(2 << 20))
    with pytest.raises(GitError, match=r"^datasets/base.safetensors has 2 MiB.*`dvc add` it"):
        snapshot("m")
    Path(".gitignore").write_text("*.safetensors\n")
    assert taken().changed == (".gitignore",)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda: Path(".git/HEAD").write_text("nonsense"), None),  # to git it is no repository
        (lambda: Path(".git/config").write_text("[core\n"), "bad config line 1"),
    ],
    ids=["no HEAD", "bad config"],
)
def test_a_git_that_fails_is_told_of_and_no_error(
    project: Path, damage: Callable[[], object], expected: str | None
) -> None:
    Path("params.yaml").write_text("{}")
    damage()
    found, problem = current_provenance()
    assert found is None
    assert expected is None or (problem and expected in problem)


def test_git_that_is_not_installed_is_told_of(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("params.yaml").write_text("{}")
    monkeypatch.setenv("PATH", "/nowhere")
    _, problem = current_provenance()
    assert problem and problem.endswith("git is not installed")


# --- the tag --------------------------------------------------------------------------------------


def test_a_tag_keeps_the_commit_and_the_same_version_again_makes_no_second(project: Path) -> None:
    Path("params.yaml").write_text("a: 2\n")
    made = taken()
    assert keep_tag("bank", 3, made.commit) == "incumbent/bank/v3"
    assert keep_tag("bank", 3, made.commit) == "incumbent/bank/v3"
    assert said("tag") == "incumbent/bank/v3"
    said("gc", "-q", "--prune=now")
    assert said("show", "incumbent/bank/v3:params.yaml") == "a: 2"


def test_two_versions_differ_as_git_shows_it(project: Path) -> None:
    for number in (2, 3):
        Path("params.yaml").write_text(f"a: {number}\n")
        keep_tag("bank", number, taken().commit)
    diff = said("diff", "incumbent/bank/v2", "incumbent/bank/v3", "--", "params.yaml")
    assert diff.endswith("-a: 2\n+a: 3")


def test_a_tag_of_another_registry_is_left_and_told_of(project: Path, registry: Registry) -> None:
    first = said("rev-parse", "HEAD")
    keep_tag("test", 1, first)
    Path("params.yaml").write_text("{}")
    version = submitted(registry, None)
    other = taken().commit
    told = tag_version(version, other)
    assert told and told.startswith(f"its tag is incumbent/test/v1-{other[:12]}: ")
    assert commit_of("incumbent/test/v1") == first
    assert commit_of(f"incumbent/test/v1-{other[:12]}") == other


def test_a_tag_that_a_hook_refuses_is_told_of(project: Path, registry: Registry) -> None:
    hook = Path(".git/hooks/reference-transaction")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    told = tag_version(submitted(registry, None), said("rev-parse", "HEAD"))
    assert told and told.startswith("no tag keeps its commit")


# --- the record -----------------------------------------------------------------------------------


def submitted(registry: Registry, provenance: Provenance | None) -> AdapterVersion:
    adapter, files = made_adapter("one", Path.cwd().parent / "adapters")
    return registry.submit(adapter, files, "test", DATASET, provenance=provenance)


def test_a_version_tells_of_its_commit_its_rows_and_what_was_installed(
    project: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    said("remote", "add", "origin", "https://ann:token@git.example/bank.git")
    Path("params.yaml").write_text("{}")
    Path("dvc.lock").write_text(
        "stages: {curate: {outs: [{path: datasets/curated, md5: f0f0.dir}]}}"
    )
    found, problem = current_provenance()
    assert found is not None and problem is None
    assert (found.remote, found.rows) == ("https://git.example/bank.git", "f0f0.dir")
    assert found.packages["numpy"] and found.packages["python"].startswith("3.")
    assert found.threads == 3
    version = submitted(registry, found)
    lineage = trace(registry, version.number)
    assert lineage.provenance == found
    assert found.commit in card(lineage)
    assert found.canonical() in {
        registry.artifacts.get(digest)
        for event in registry.history(version.number)
        for digest in event.detail.kept()
    }
    assert list(problems(registry)) == []


def test_a_version_without_provenance_has_the_bytes_that_it_had_before(registry: Registry) -> None:
    version = submitted(registry, None)
    event = registry.newest_event(version.number, "submit")
    assert event is not None and b"provenance" not in event.canonical()
    assert trace(registry, version.number).provenance is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ann:secret@git.example:8443/bank.git", "https://git.example:8443/bank.git"),
        ("https://ghp_token@git.example/bank.git?private=1", "https://git.example/bank.git"),
        ("git@git.example:team/bank.git", "git.example:team/bank.git"),
        ("s3://rows/bank", "s3://rows/bank"),
        ("/srv/git/bank.git", "/srv/git/bank.git"),
        ("../bank@home", "../bank@home"),
    ],
    ids=["user and password", "token", "as scp", "bucket", "path", "path with an at"],
)
def test_addresses_are_recorded_without_secrets(address: str, shown: str) -> None:
    assert without_secrets(address) == shown


def test_rows_are_kept_where_dvc_has_its_default_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_remote() is None
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../rows\n"
    )
    assert data_remote() == str(Path("rows").resolve())
    Path(".dvc/config.local").write_text(
        "['remote \"store\"']\n    url = https://me:pw@rows.example/bank\n"
    )
    Path("part").mkdir()
    monkeypatch.chdir("part")
    assert data_remote() == "https://rows.example/bank"
