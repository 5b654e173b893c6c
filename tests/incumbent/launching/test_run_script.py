"""The script that a rented machine runs, by bash, git and DVC: another home is another machine."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from incumbent.rendering import Checkout, as_dict
from project.files import write_bytes
from tests.incumbent.launching.conftest import REMOTE, git, task

pytestmark = pytest.mark.slow

# Stands for our command: stages are DVC's, and a version is a tag and a frozen eval set.
INCUMBENT = """\
#!/bin/sh
if [ "$2" = --until ]; then exec dvc repro "$3"; fi
echo frozen > datasets/eval_sets.jsonl && git tag incumbent/bank/v1
"""
# The first machine is taken away in its second stage, with all that runs there.
STAGES = {
    "sft": {"cmd": "echo sft >> $RAN && echo weights > adapter", "outs": ["adapter"]},
    "compare": {
        "cmd": "echo compare >> $RAN && if [ -e $LOST ]; then rm $LOST && kill -9 0; fi "
        "&& cp adapter evidence",
        "deps": ["adapter"],
        "outs": ["evidence"],
    },
}


@dataclass(frozen=True)
class Machine:
    """One with a disk of its own; all have the same places in common."""

    home: Path
    places: Path

    def run(self, script: str, variables: dict[str, str]) -> int:
        programs = self.home / "incumbent" / "bin"
        programs.mkdir(parents=True)
        (programs / "incumbent").write_text(INCUMBENT)
        (programs / "incumbent").chmod(0o755)
        (programs / "dvc").symlink_to(Path(sys.executable).with_name("dvc"))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_TOKEN": "a-token",
            "DVC_NO_ANALYTICS": "1",
            "RAN": str(self.places / "ran"),
            "LOST": str(self.places / "lost"),
            **variables,
        }
        command = ["bash", "-c", script]
        return subprocess.run(command, env=environment, start_new_session=True).returncode


def lay_out(places: Path) -> str:
    """An origin with a project in a folder of its repository; returns its commit."""
    work = places / "work"
    write_bytes(work / "bank/dvc.yaml", yaml.safe_dump({"stages": STAGES}).encode())
    write_bytes(work / "bank/datasets/eval_sets.jsonl", b"")
    write_bytes(work / "bank/.dvc/config", REMOTE.format(places / "rows").encode())
    write_bytes(work / "bank/.dvc/.gitignore", b"/tmp\n/cache\n")
    (work / "bank/.gitignore").write_text("/adapter\n/evidence\n")
    git("init", "-q", folder=work)
    git("add", "-A", folder=work)
    git("commit", "-qm", "a project", folder=work)
    git("clone", "-q", "--bare", str(work), str(places / "origin.git"))
    return git("rev-parse", "HEAD", folder=work)


def test_a_machine_that_takes_a_lost_ones_place_goes_on_and_all_it_made_comes_back(
    tmp_path: Path,
) -> None:
    checkout = Checkout(str(tmp_path / "origin.git"), lay_out(tmp_path), "bank", "bank")
    written = as_dict(task(checkout=checkout, stages=("sft", "compare")))
    (tmp_path / "lost").touch()
    first, second = (Machine(tmp_path / name, tmp_path) for name in ("first", "second"))
    assert first.run(written["run"], written["envs"]) == -signal.SIGKILL
    assert second.run(written["run"], written["envs"]) == 0
    assert (tmp_path / "ran").read_text().split() == ["sft", "compare", "compare"]

    git("clone", "-q", checkout.url, str(tmp_path / "mine"), "--branch", checkout.branch)
    mine = tmp_path / "mine" / "bank"
    assert (mine / "datasets/eval_sets.jsonl").read_text() == "frozen\n"
    assert git("rev-parse", "incumbent/bank/v1^{commit}", folder=mine)
    git("merge-base", "--is-ancestor", checkout.commit, "HEAD", folder=mine)
    dvc = [str(Path(sys.executable).with_name("dvc")), "pull", "--quiet"]
    subprocess.run(dvc, cwd=mine, check=True)
    assert (mine / "evidence").read_text() == "weights\n"
    for home in (first.home, second.home):
        found = [p for p in home.rglob("*") if p.is_file() and b"a-token" in p.read_bytes()]
        assert found == [], "the token is in no file"
