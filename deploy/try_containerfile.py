"""Does the steps of deploy/Containerfile in a fresh root of Debian, where no container engine is.

    python deploy/try_containerfile.py ROOT [--bind FOLDER …]

It stands for `podman build`, as root and with debootstrap and a network; ROOT is made, takes some
8 GB, and is left there. COPY, RUN, ARG, ENV, WORKDIR and USER are done by chroot, as they are
written. In the place of the base image is Debian 13 with a copy of the Python that runs this: take
3.11. pip's variables (PIP_…) are handed on; `--bind` shows a folder there that they name. At last
the image's user makes a project and reads it.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).with_name("Containerfile")
SOURCE = FILE.parents[1]
SUITE, MIRROR = "trixie", "http://deb.debian.org/debian"
# What Python's own modules are linked with.
LIBRARIES = "libbz2-1.0,libffi8,liblzma5,libreadline8t64,libsqlite3-0,libssl3t64,zlib1g"
PATHS = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
TRIED = (
    "incumbent --version && incumbent init /tmp/bank --sample && cd /tmp/bank && incumbent status"
)


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its arguments, on one line."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for step in "\n".join(lines).replace("\\\n", " ").splitlines():
        if step.strip():
            name, _, rest = step.partition(" ")
            yield name, rest.strip()


@dataclass
class Root:
    """A folder as a container's root."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATHS, "HOME": "/root"})
    place: str = "/"
    user: str = "0"

    def run(self, command: str, **variables: str) -> None:
        print(f"+ {command}", flush=True)
        as_user = ["chroot", f"--userspec={self.user}:{self.user}", str(self.folder)]
        subprocess.run(
            [*as_user, "/bin/sh", "-ec", f"cd {shlex.quote(self.place)}\n{command}"],
            env=self.environment | variables,
            check=True,
        )

    def copy(self, names: list[str], target: str) -> None:
        there = self.folder / self.place.strip("/") / target
        for name in names:
            source = SOURCE / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, there, dirs_exist_ok=True, ignore=ignored)
            else:
                goal = there / source.name if target.endswith("/") else there
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, goal)

    def do(self, name: str, rest: str) -> None:
        match name:
            case "RUN":
                own = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
                self.run(rest, **own)
            case "COPY":
                *names, target = shlex.split(rest)
                self.copy(names, target)
            case "ENV" | "ARG":
                self.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "WORKDIR":
                self.place = rest
                (self.folder / rest.strip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = rest
            case "FROM" | "STOPSIGNAL" | "HEALTHCHECK" | "CMD":
                print(f"# {name} {rest}", flush=True)
            case _:
                raise SystemExit(f"{FILE}: {name} is not known here")


def mount(stack: ExitStack, source: str, target: Path, *options: str) -> None:
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *options, source, target], check=True)
    stack.callback(lambda: subprocess.run(["umount", target], check=True))


def copy_python(target: Path) -> None:
    """To where the base image has its own, without what was installed into it."""
    ignored = shutil.ignore_patterns("site-packages", "__pycache__", "test")
    shutil.copytree(sys.base_prefix, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
    next(target.glob("lib/python3*")).joinpath("site-packages").mkdir()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--bind", type=Path, action="append", default=[])
    told = parser.parse_args()
    if told.root.exists():
        sys.exit(f"{told.root} is there already")
    bootstrap = [
        "debootstrap",
        "--variant=minbase",
        f"--include=ca-certificates,{LIBRARIES}",
        SUITE,
    ]
    subprocess.run([*bootstrap, told.root, MIRROR], check=True)
    root = Root(told.root.resolve())
    with ExitStack() as stack:
        mount(stack, "proc", root.folder / "proc", "-t", "proc")
        for folder in (Path("/dev"), *told.bind):
            mount(stack, str(folder), root.folder / str(folder).strip("/"), "--bind")
        copy_python(root.folder / "usr/local")
        root.run("ldconfig && python3 -m ensurepip --default-pip")
        for name, rest in steps(FILE.read_text()):
            root.do(name, rest)
        root.run(TRIED)


if __name__ == "__main__":
    main()
