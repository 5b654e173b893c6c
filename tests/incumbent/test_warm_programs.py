"""Programs that a server starts are as those that start alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from incumbent.running.warm_programs import PASSED_ON, read_at_import, warm_programs
from project.libraries import users_environment
from tests.conftest import READ_BY_LIBRARIES, REAL
from tests.documentation.walk import readers_environment
from tests.incumbent.clones import Clone
from tests.wheel import Installed

TOLD = """
import json, os, signal, sys
print(json.dumps({
    "warm": "typer" in sys.modules,  # imported by the server
    "arguments": sys.argv[1:],
    "folder": os.getcwd(),
    "read": sys.stdin.read(),
    "variable": os.environ.get("TOLD"),
    "threads": len(os.listdir("/proc/self/task")),
    "minds": signal.getsignal(signal.SIGTERM) != signal.SIG_IGN,
}))
print("unwell", file=sys.stderr)
sys.exit(7)
"""
WAITS = """
import os, signal, sys, time
def end(number, _):
    open("ended", "w").write(str(number))
    sys.exit(5)
for number in map(int, sys.argv[1:]):
    signal.signal(number, end)
open("waits", "w").write(str(os.getpid()))
time.sleep(60)
"""
ENDS = """
import atexit, json, os, sys, threading, time
class Held:
    def __del__(self, write=os.write):
        write(1, b"taken apart\\n")
json.held = Held()  # in a module of which the server has the pages
atexit.register(print, "at exit")
threading.Thread(target=lambda: (time.sleep(0.2), print("a thread"))).start()
print("said")
exec(sys.argv[1])
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A program that runs one of the modules above: `.python -m MODULE`."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "told.py").write_text(TOLD)
    (modules / "waits.py").write_text(WAITS)
    (modules / "ends.py").write_text(ENDS)
    place = os.pathsep.join([str(modules), os.environ.get("PYTHONPATH", "")])
    environment = {**users_environment(), "PYTHONPATH": place}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", place)
        with warm_programs([".python"], environment) as folder:
            yield folder / ".python"


def told(program: Path, **more: str) -> dict[str, object]:
    ended = subprocess.run(
        [program, "-m", "told", "a b", ""],
        input="typed\n",
        env={**users_environment(), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (7, "unwell\n")
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def test_a_program_has_all_that_its_caller_has(served: Path, tmp_path: Path) -> None:
    alone = told(Path(sys.executable), TOLD="x")
    assert alone.pop("warm") is False
    warm = told(served, TOLD="x")
    assert warm.pop("warm") is True
    assert warm == alone
    assert (warm["folder"], warm["variable"], warm["threads"]) == (str(tmp_path), "x", 1)


@pytest.mark.parametrize("how", ["", "sys.exit(300)", "sys.exit('why')", "1 / 0"])
def test_it_ends_as_it_would_alone_but_takes_nothing_apart(served: Path, how: str) -> None:
    """What the server imported would be copied, half a second long, only to be freed."""
    alone, warm = (
        subprocess.run([program, "-m", "ends", how], capture_output=True, text=True)
        for program in (sys.executable, served)
    )
    assert warm.returncode == alone.returncode
    assert warm.stdout == "said\na thread\nat exit\n"
    assert alone.stdout == f"{warm.stdout}taken apart\n"
    assert warm.stderr.splitlines()[-1:] == alone.stderr.splitlines()[-1:]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "HF_HUB_OFFLINE", "TOKENIZERS_PARALLELISM"])
def test_another_variable_that_libraries_read_takes_the_real_program(
    served: Path, name: str
) -> None:
    assert told(served, **{name: "7"})["warm"] is False


def test_environments_that_tests_make_start_programs_warm(tmp_path: Path) -> None:
    clone = Clone(tmp_path, tmp_path, tmp_path)
    for made in (clone, Installed(tmp_path)):
        assert read_at_import(made.environment) == READ_BY_LIBRARIES
    assert read_at_import(readers_environment(tmp_path / "reader", tmp_path)) == READ_BY_LIBRARIES


def test_what_our_own_code_settles_is_no_other_variable(served: Path) -> None:
    assert told(served, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")["warm"] is True


def test_without_a_server_the_real_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["modules", os.environ.get("PYTHONPATH", "")]))
    Path("modules").mkdir()
    Path("modules/told.py").write_text(TOLD)
    with warm_programs([".python"], users_environment()) as folder:
        (folder / "server").unlink()
        assert told(folder / ".python")["warm"] is False


def waiting(program: Path, *caught: signal.Signals) -> subprocess.Popen[bytes]:
    """It waits, and minds these signals."""
    started = subprocess.Popen(
        [program, "-m", "waits", *(str(int(number)) for number in caught)],
        env=users_environment(),
        preexec_fn=heeded,
    )
    until(lambda: Path("waits").exists() and bool(Path("waits").read_text()))
    return started


def heeded() -> None:
    """Whoever started these tests may have told them to ignore some, such as `nohup` SIGHUP."""
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_DFL)


def until(holds: object) -> None:
    end = monotonic() + 20
    while not holds():  # type: ignore[operator]
        assert monotonic() < end
        sleep(0.02)


@pytest.mark.parametrize("number", PASSED_ON)
def test_a_signal_is_passed_on_and_the_end_comes_back(served: Path, number: signal.Signals) -> None:
    with waiting(served, number) as caller:
        caller.send_signal(number)
        assert caller.wait(20) == 5
    assert Path("ended").read_text() == str(int(number))


def test_who_dies_of_a_signal_dies_of_it_for_its_caller(served: Path) -> None:
    with waiting(served) as caller:
        os.kill(int(Path("waits").read_text()), signal.SIGKILL)
        assert caller.wait(20) == -signal.SIGKILL


def test_a_caller_that_is_killed_takes_its_program_along(served: Path) -> None:
    with waiting(served) as caller:
        program = int(Path("waits").read_text())
        caller.kill()
    until(lambda: not Path(f"/proc/{program}").exists())


def test_a_program_of_a_server_takes_that_server(
    served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = served.with_name("python")
    with warm_programs(["incumbent"], users_environment(), python=inside) as folder:
        assert folder == served.parent
    assert served.parent != REAL
