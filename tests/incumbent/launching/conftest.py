"""A project that a rented machine reaches, without any that is rented."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from incumbent.rendering import Checkout, Installation, LaunchTask, RentedMachine
from incumbent.verbs.launch import SECRETS
from project.files import write_bytes

SETTINGS: dict[str, Any] = {
    "base": {"model": "org/base", "revision": "a" * 40},
    "embedder": {"model": "org/embedder", "revision": "b" * 40},
    "training": {"limits": {"checkpoints": "s3://bucket/checkpoints"}},
    "registry": {
        "family": "bank",
        "database": "postgresql://incumbent@db.example.com/incumbent",
        "artifacts": "s3://bucket/artifacts",
        "push_versions": True,
    },
}
REMOTE = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = {}\n"
AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
STAGES = ("domain", "sft", "distill", "dpo", "kto", "grpo", "generate", "compare")


def git(*arguments: str, folder: Path | None = None) -> str:
    command = ["git", *AUTHOR, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    return done.stdout.strip()


def settle(changes: dict[str, Any] | None = None) -> None:
    """Write params.yaml, with some keys of its sections changed, or others beside."""
    given = changes or {}
    settings = {name: {**SETTINGS[name], **given.get(name, {})} for name in SETTINGS}
    settings |= {name: given[name] for name in given if name not in SETTINGS}
    Path("params.yaml").write_text(yaml.safe_dump(settings))


def commit_and_push() -> None:
    """As far as this machine knows of its origin."""
    git("add", "-A")
    git("commit", "-qm", "a project")
    git("update-ref", "refs/remotes/origin/main", "HEAD")


@pytest.fixture
def project(isolate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_TOKEN", "a-token")
    settle()
    stages = {name: {"cmd": f"incumbent stage {name}"} for name in ("collect", *STAGES)}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    write_bytes(Path(".dvc/config"), REMOTE.format("s3://bucket/rows").encode())
    Path(".gitignore").write_text("/home/\n/.dvc/config.local\n")
    git("init", "-q")
    git("remote", "add", "origin", "git@git.example.com:team/bank.git")
    commit_and_push()
    return isolate


CHECKOUT = Checkout("https://git.example.com/team/bank.git", "c" * 40, "bank", "bank")


def task(
    machine: RentedMachine | None = None,
    wheel: Path | None = None,
    models: tuple[str, ...] = (),
    checkout: Checkout = CHECKOUT,
    stages: tuple[str, ...] = STAGES,
) -> LaunchTask:
    return LaunchTask(
        checkout=checkout,
        machine=machine or RentedMachine(None, None, False),
        installation=Installation(
            python="3.11",
            incumbent="[train]" if wheel else "incumbent[train]==0.1.0",
            wheel=wheel,
            others=("torch==2.13.0", "dvc-s3"),
            models=models,
        ),
        stages=stages,
        actor="ann",
        secrets=("GIT_TOKEN", "INCUMBENT_DATABASE"),
    )
