"""A project in git and DVC, with a remote, whose versions have real rows and whose adapters are a
few bytes: its one stage copies the rows.
"""

import subprocess
from pathlib import Path

import yaml

from curation.gate import dvc_revision
from incumbent.current_provenance import current_provenance, tag_version
from project.canonical import digest_folder
from project.child_processes import dvc
from project.files import write_bytes
from project.paths import CURATED
from project.records.adapters import AdapterVersion
from project.records.data import DatasetVersion, Split
from registry.store import Registry
from tests.places import made

FAMILY = "bank"
REMOTE = "remote"  # beside the project's folder
CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = {}\n"
STAGE = {
    "cmd": "mkdir -p datasets && cp -r rows datasets/curated",
    "deps": ["rows"],
    "outs": [str(CURATED)],
}
AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")


def git(*arguments: str) -> str:
    command = ["git", *AUTHOR, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def lay_out() -> None:
    """In the current folder, without any version."""
    name_remote(".dvc/config")
    write_bytes(Path(".dvc/.gitignore"), b"/config.local\n/tmp\n/cache\n")
    Path(".gitignore").write_text("/.incumbent\n/datasets/curated\n/adapter-*\n")
    Path("params.yaml").write_text(yaml.safe_dump({"registry": {"family": FAMILY}}))
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"curate": STAGE}}))
    write_bytes(Path("rows/dev.jsonl"), b"the same in every version")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "start")


def name_remote(file: str) -> None:
    """In a file of DVC's settings. By its whole path, since DVC takes a relative one in an earlier
    commit for another folder.
    """
    write_bytes(Path(file), CONFIG.format(Path.cwd().parent / REMOTE).encode())


def submit(name: str, rows: str) -> AdapterVersion:
    """A version that learnt these rows: stage `curate` runs, and the project gets its tag."""
    write_bytes(Path("rows/train.jsonl"), rows.encode())
    dvc("repro")
    dataset = DatasetVersion(
        rows=digest_folder(CURATED),
        splits={Split.TRAIN: 1, Split.DEV: 1},
        sources=("rows",),
        contract="c" * 64,
        dvc_revision=dvc_revision(),
    )
    adapter, files = made(name, Path())
    adapter = adapter.model_copy(update={"dataset": dataset.digest})
    with Registry.here() as registry:
        provenance = current_provenance().provenance
        assert provenance is not None
        version = registry.submit(adapter, files, f"made {name}", dataset, provenance=provenance)
    assert tag_version(version, provenance.commit) is None
    return version
