"""Incumbent as it is installed here, so that the rented machine gets the very same code.

A stage that finds other code runs again. So whoever installed from a folder or a wheel sends a
wheel; whoever installed from an index, or from a commit, names it.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

from incumbent.current_provenance import installed_packages
from incumbent.mirroring.mirror import MirrorParams
from incumbent.reachable import Places
from incumbent.rendering import Installation
from project.engine.engine_settings import EngineParams
from project.errors import IncumbentError, InputError, address_of, installed_from
from project.files import home, rename_all
from project.model_pins import EMBEDDED, EMBEDDED_PACKAGE, BaseChoice, ModelChoice
from project.settings import load
from project.untrusted_input import one_line
from training.processes.accelerate_config import DistributedParams

EXTRAS = ("train", "documents", "postgresql")
# What brings DVC, and fsspec with it, to a store.
PLUGINS = {
    "s3": "dvc-s3",
    "gs": "dvc-gs",
    "gcs": "dvc-gs",
    "azure": "dvc-azure",
    "abfs": "dvc-azure",
    "az": "dvc-azure",
    "ssh": "dvc-ssh",
    "oss": "dvc-oss",
    "webdavs": "dvc-webdav",
}
PIP_WHEEL = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
SHOWN = 500  # characters of what pip said, from its end


@dataclass(frozen=True)
class Incumbent:
    """Where this one came from, as pip noted it (PEP 610)."""

    version: str
    address: str | None = None  # None: an index
    folder: Path | None = None  # of its source
    wheel: Path | None = None

    @property
    def sent(self) -> Path | None:
        """The wheel that is sent, if one is; of a folder it is made when it is needed."""
        if self.folder:
            name = f"incumbent-{self.version}-py3-none-any.whl"
            return (home() / "launching" / name).absolute()
        return self.wheel

    def requirement(self, extras: Iterable[str]) -> str:
        """The requirement that follows the name of a wheel that is sent."""
        wanted = f"[{','.join(extras)}]"
        if self.sent:
            return wanted
        if self.address:
            return f"incumbent{wanted} @ {self.address}"
        return f"incumbent{wanted}=={self.version}"


def incumbent_here() -> Incumbent:
    """Raises InputError where it came from a wheel that is not there any more."""
    own, note = version("incumbent"), installed_from()
    url = note.get("url", "")
    if not url.startswith("file:"):
        return Incumbent(own, address=address_of(note) or None)
    path = Path(unquote(urlsplit(url).path))
    if not path.exists():
        raise InputError(
            f"Incumbent was installed from {path}, which is not there any more, so the machine "
            "cannot get the same: install it again"
        )
    if path.is_dir():
        return Incumbent(own, folder=path)
    return Incumbent(own, wheel=path)


def installation(incumbent: Incumbent, places: Places) -> Installation:
    trackers = load(MirrorParams).report_to
    libraries = installed_packages()
    python = ".".join(libraries.pop("python").split(".")[:2])
    libraries.pop("incumbent", None)
    # What stands behind the plus, such as a build for processors alone, is of this machine.
    pinned = (f"{name}=={number.partition('+')[0]}" for name, number in libraries.items())
    return Installation(
        python=python,
        incumbent=incumbent.requirement([*EXTRAS, *wanted(), *trackers]),
        wheel=incumbent.sent,
        others=(*pinned, *sorted(set(plugins(places)))),
        models=tuple(embedded_models()),
    )


def wanted() -> Iterator[str]:
    """Extras that the settings ask for."""
    if load(EngineParams).name == "ray":
        yield "ray"
    if load(DistributedParams).sharding == "zero3":
        yield "deepspeed"


def plugins(places: Places) -> Iterator[str]:
    for address in (places.rows, places.artifacts, places.checkpoints or ""):
        if plugin := PLUGINS.get(address.partition("://")[0]):
            yield plugin


def embedded_models() -> Iterator[str]:
    if load(BaseChoice).model == EMBEDDED:
        yield f"{EMBEDDED_PACKAGE['base']}=={version(EMBEDDED_PACKAGE['base'])}"
    if load(ModelChoice).model == EMBEDDED:
        yield f"{EMBEDDED_PACKAGE['embedder']}=={version(EMBEDDED_PACKAGE['embedder'])}"


def make_wheel(incumbent: Incumbent) -> None:
    """Where it was installed from an empty folder. Raises IncumbentError with pip's words."""
    if incumbent.folder is None or incumbent.sent is None:
        return
    incumbent.sent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=incumbent.sent.parent, prefix=".wheel-") as aside:
        # setuptools would write both into the source, and take up next time what lies there.
        config = Path(aside, "setup.cfg")
        config.write_text(f"[build]\nbuild_base = {aside}\n[egg_info]\negg_base = {aside}\n")
        done = subprocess.run(
            [*PIP_WHEEL, "--wheel-dir", aside, str(incumbent.folder)],
            env={**os.environ, "DIST_EXTRA_CONFIG": str(config)},
            capture_output=True,
            text=True,
        )
        made = Path(aside, incumbent.sent.name)
        if done.returncode or not made.exists():
            said = one_line(done.stderr or done.stdout)[-SHOWN:]
            raise IncumbentError(f"no wheel could be made of {incumbent.folder}: {said}")
        rename_all({made: incumbent.sent})
