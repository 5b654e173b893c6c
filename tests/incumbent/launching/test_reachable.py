"""What a rented machine cannot reach is refused before it costs anything, with what to do."""

from pathlib import Path
from typing import Any

import pytest

from incumbent.reachable import https_address, reachable_places
from project.errors import InputError
from project.files import write_bytes
from tests.incumbent.launching.conftest import REMOTE, commit_and_push, git, settle


def test_a_project_that_a_team_shares_can_be_run_anywhere(project: Path) -> None:
    places = reachable_places(spot=True)
    assert (places.rows, places.artifacts) == ("s3://bucket/rows", "s3://bucket/artifacts")
    assert places.checkout.url == "https://git.example.com/team/bank.git"
    assert places.checkout.commit == git("rev-parse", "HEAD")
    assert (places.checkout.folder, places.checkout.family) == (".", "bank")


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"registry": {"database": None}}, r"params.yaml:\d+: registry.database: .* an SQLite file"),
    ({"registry": {"database": "sqlite:////mnt/r.db"}}, r"registry.database: .* an SQLite file"),
    ({"registry": {"database": "postgresql://u@localhost/r"}}, "server is this machine, localhost"),
    ({"registry": {"database": "postgresql://u@/r"}}, "server is this machine, by a socket"),
    ({"registry": {"artifacts": None}}, r"registry.artifacts: .* s3://bucket/artifacts"),
    ({"registry": {"artifacts": "/mnt/artifacts"}}, "registry.artifacts: .* name an object store"),
    ({"registry": {"push_versions": False}}, "registry.push_versions: .* set it to true"),
    ({"training": {"limits": {}}}, "training.limits.checkpoints: a spot machine is taken away"),
    ({"training": {"limits": {"checkpoints": "/mnt/c"}}}, "training.limits.checkpoints: .*s3://"),
    ({"base": {"model": "/models/base"}}, r"base.model: /models/base .* Hub id and commit"),
    ({"embedder": {"model": "~/embedder"}}, "embedder.model: ~/embedder is on this machine alone"),
    (
        {"evaluation": {"generation": {"backend": "vllm", "vllm_python": "/opt/vllm/python"}}},
        "evaluation.generation.vllm_python: /opt/vllm/python is a program of this machine",
    ),
    (
        {"evaluation": {"generation": {"backend": "llama.cpp"}}},
        r"evaluation.generation.backend: llama\.cpp is a program of this machine",
    ),
    (
        {"evaluation": {"generation": {"backend": "vllm", "url": "http://127.0.0.1:8000/v1"}}},
        "evaluation.generation.url: http://127.0.0.1:8000/v1 is this machine",
    ),
    ({"engine": "ray", "ray": {"address": "auto"}}, "ray.address: the machine is part of no clus"),
]


@pytest.mark.parametrize(("changes", "complaint"), SETTINGS, ids=[words for _, words in SETTINGS])
def test_a_setting_that_means_this_machine_is_refused(
    project: Path, changes: dict[str, Any], complaint: str
) -> None:
    settle(changes)
    commit_and_push()
    with pytest.raises(InputError, match=complaint) as refused:
        reachable_places(spot=True)
    assert str(refused.value).count("\n") == 1, "nothing else is out of reach"


def test_a_machine_that_stays_may_keep_its_checkpoints(project: Path) -> None:
    settle({"training": {"limits": {}}})
    commit_and_push()
    assert reachable_places(spot=False).checkpoints is None


def test_a_base_that_the_project_holds_comes_with_it(project: Path) -> None:
    write_bytes(Path("models/base/config.json"), b"{}")
    settle({"base": {"model": "models/base"}})
    commit_and_push()
    assert reachable_places(spot=True)


@pytest.mark.parametrize("url", ["/mnt/rows", "../rows", "file:///mnt/rows"])
def test_rows_on_a_disk_of_this_machine_are_refused(project: Path, url: str) -> None:
    write_bytes(Path(".dvc/config"), REMOTE.format(url).encode())
    commit_and_push()
    with pytest.raises(InputError, match=r"default remote .* is on this machine: `dvc remote add"):
        reachable_places(spot=True)


def test_a_remote_that_git_does_not_see_is_none_for_a_clone(project: Path) -> None:
    Path(".dvc/config").rename(".dvc/config.local")
    git("rm", "-q", "--cached", ".dvc/config")
    Path(".dvc/config").touch()
    commit_and_push()
    with pytest.raises(InputError, match="DVC has no default remote that a clone knows"):
        reachable_places(spot=True)


def test_a_password_of_the_registry_is_never_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCUMBENT_DATABASE", "postgresql://u:hush@127.0.0.1/r")
    with pytest.raises(InputError, match=r"\$INCUMBENT_DATABASE: .* this machine") as refused:
        reachable_places(spot=True)
    assert "hush" not in str(refused.value)
    monkeypatch.setenv("INCUMBENT_DATABASE", "u:hush@no url")
    with pytest.raises(InputError, match=r"\$INCUMBENT_DATABASE is no URL") as refused:
        reachable_places(spot=True)
    assert "hush" not in str(refused.value)


def test_a_store_of_this_machine_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    with pytest.raises(InputError, match=r"\$AWS_ENDPOINT_URL: http://127.0.0.1:9000 is this mach"):
        reachable_places(spot=True)


# --- git ----------------------------------------------------------------------------------------


def test_without_git_there_is_nothing_to_clone(project: Path) -> None:
    Path(".git").rename("gone")
    with pytest.raises(InputError, match=r"git keeps nothing here, .* `git init`, and commit"):
        reachable_places(spot=True)


@pytest.mark.parametrize("file", ["params.yaml", "new.csv"])
def test_what_is_not_committed_is_named(project: Path, file: str) -> None:
    with_more = (Path(file).read_bytes() if Path(file).exists() else b"") + b"\n"
    write_bytes(Path(file), with_more)
    with pytest.raises(InputError, match=rf"these are not: {file}: commit them"):
        reachable_places(spot=True)


def test_of_many_files_the_first_are_named(project: Path) -> None:
    for name in "abcde":
        Path(name).touch()
    with pytest.raises(InputError, match=r"these are not: a, b, c and 2 more: commit them"):
        reachable_places(spot=True)


def test_traffic_and_state_need_no_commit(project: Path) -> None:
    write_bytes(Path("datasets/traffic/2026-01-01.jsonl"), b"{}")
    assert reachable_places(spot=True)


def test_a_commit_that_origin_lacks_is_to_be_pushed(project: Path) -> None:
    git("commit", "-q", "--allow-empty", "-m", "more")
    with pytest.raises(InputError, match=r"origin lacks the commit .* `git push`"):
        reachable_places(spot=True)


def test_a_token_is_asked_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_TOKEN")
    with pytest.raises(InputError, match=r"\$GIT_TOKEN is not set: .*team/bank.git"):
        reachable_places(spot=True)


@pytest.mark.parametrize(
    ("origin", "https"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("git@example.com:a/b.git", "https://example.com/a/b.git"),
        ("example.com:a/b.git", "https://example.com/a/b.git"),
        ("ssh://git@example.com/a/b", "https://example.com/a/b"),
        ("ssh://git@example.com:2222/a/b", "https://example.com/a/b"),
    ],
)
def test_a_machine_signs_in_with_a_token_whatever_this_one_does(origin: str, https: str) -> None:
    assert https_address(origin) == https


@pytest.mark.parametrize(
    "origin",
    ["/srv/git/b.git", "../b", "file:///srv/b", "https://localhost/b", "git@localhost:b.git", None],
)
def test_an_origin_that_is_here_or_nowhere_is_refused(origin: str | None) -> None:
    with pytest.raises(InputError, match=r"`git remote (add|set-url) origin URL"):
        https_address(origin)
