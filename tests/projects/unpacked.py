"""Projects that earlier code made, in the current folder."""

import subprocess
import tarfile

from tests.projects.make import ROOT

OLD = sorted(file.name.removesuffix(".tar.gz") for file in ROOT.glob("*.tar.gz"))


def unpack(name: str) -> None:
    """With all of it committed, as its owner would have it."""
    with tarfile.open(ROOT / f"{name}.tar.gz") as archive:
        archive.extractall(filter="data")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it was"]):
        author = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *author, *arguments], check=True)
