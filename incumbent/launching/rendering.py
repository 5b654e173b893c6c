"""A task as SkyPilot reads it, and the two scripts in it."""

from collections.abc import Iterable
from shlex import quote
from typing import Any

import yaml

from incumbent.launching.task import Checkout, Installation, Machine, Task

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


def as_yaml(task: Task) -> str:
    return yaml.dump(as_dict(task), Dumper=Readable, sort_keys=False, allow_unicode=True, width=100)


def as_dict(task: Task) -> dict[str, Any]:
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


def resources(machine: Machine) -> dict[str, Any]:
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


def command(task: Task, file: str, *, yes: bool) -> list[str]:
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
