"""The wheel, built and installed once for all tests."""

import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from incumbent.erasure import traces
from tests.conftest import READ_BY_LIBRARIES, ROOT, all_warm
from tests.incumbent.test_project_files import git_files
from tests.wheel import Installed, build, call, pip


@pytest.fixture
def warm_dvc(warm_bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure asks DVC for its remotes: let that be one which starts at once."""
    warm = (str(warm_bin / "python"), *traces.DVC[1:])
    monkeypatch.setattr(traces, "DVC", warm)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, for a build leaves folders behind. Links stay links."""
    folder = tmp_path_factory.mktemp("wheel") / "source"
    for name in git_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return folder


@pytest.fixture(scope="session")
def wheel(source: Path) -> Path:
    return build(source, source.parent / "from-folder")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = Installed(tmp_path_factory.mktemp("environment"))
    call(sys.executable, "-m", "venv", "--without-pip", made.folder)
    pip("--python", made.folder, "install", "--no-index", "--no-deps", wheel)
    # A folder that is named so is searched, but its own .pth files, an editable Incumbent's among
    # them, are not read.
    outer = sysconfig.get_path("purelib")
    (made.packages / "outer.pth").write_text(f"{outer}\n")
    program = made.folder / "bin" / "dvc"
    program.write_text(f"#!{made.python}\nfrom dvc.cli import main\nraise SystemExit(main())\n")
    program.chmod(0o755)
    return made


@pytest.fixture(scope="session")
def warm_installed(installed: Installed) -> Iterator[Installed]:
    """The same, with programs that start at once."""
    with all_warm(installed.python, **READ_BY_LIBRARIES) as programs:
        yield replace(installed, programs=programs)
