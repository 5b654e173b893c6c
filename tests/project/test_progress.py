"""Long work says how far it is: to people, to a parent process, or to whoever watches here."""

import os
import subprocess
import sys
from io import StringIO

import pytest

from project.progress import MARK, Report, StageReport, progress, read_report, tell, watched
from tests.conftest import ROOT


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def in_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """No fixture: pytest puts a stderr of its own in place before the test itself."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


def test_by_itself_it_is_a_bar_with_its_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = in_terminal(monkeypatch)
    with progress("champion, dev", 2, "answers") as bar:
        bar.advance()
        bar.advance(note="120 tokens/s")
    *_, last = terminal.getvalue().split("\r")
    assert "champion, dev: 100%" in last and "2/2" in last and "120 tokens/s" in last
    assert capsys.readouterr().out == ""


def test_in_a_log_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("champion, dev", 2, "answers") as bar:
        bar.advance(2)
    assert capsys.readouterr().err == ""


def test_work_that_fails_takes_its_bar_along(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = in_terminal(monkeypatch)
    with pytest.raises(ValueError), progress("champion, dev", 2, "answers") as bar:
        bar.advance()
        raise ValueError
    *_, bar_before, blank, end = terminal.getvalue().split("\r")
    assert ("champion, dev" in bar_before, blank.strip(), end) == (True, "", "")


def test_where_nothing_is_to_be_done_there_is_no_bar_and_nobody_is_told_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = in_terminal(monkeypatch)
    with progress("embed", 0, "texts"):
        pass
    assert terminal.getvalue() == ""
    seen: list[Report] = []
    with watched(seen.append), progress("tokens", 0, "rows"):
        pass
    assert seen == []


def test_who_watches_in_this_process_gets_every_report(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Report] = []
    with watched(seen.append), progress("judge", 5, "answers", done=3) as bar:
        bar.advance(note="slow")
        bar.advance()
    assert [(report.done, report.note) for report in seen] == [(3, ""), (4, "slow"), (5, "slow")]
    assert capsys.readouterr().err == ""


def test_a_parent_gets_the_first_report_the_last_and_a_few_between_them() -> None:
    code = (
        "from project.progress import progress\n"
        "with progress('train', 10_000, 'steps') as bar:\n"
        "    for _ in range(10_000): bar.advance()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, MARK: "a mark ", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    marks, reports = zip(*(line.split("a mark ") for line in done.stderr.splitlines()), strict=True)
    first, *_, last = map(read_report, reports)
    assert first == Report("train", 10_000, "steps")
    assert last == Report("train", 10_000, "steps", done=10_000)
    assert set(marks) == {""}
    assert len(reports) < 1_000
    assert done.stdout == ""


def test_work_that_fails_has_said_how_far_it_came(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MARK, "a mark ")
    with pytest.raises(KeyboardInterrupt), progress("train", 10, "steps") as bar:
        bar.advance(2)
        raise KeyboardInterrupt
    lines = capfd.readouterr().err.splitlines()
    assert read_report(lines[-1].removeprefix("a mark ")) == Report("train", 10, "steps", done=2)


@pytest.mark.parametrize(
    "report", [StageReport("train"), StageReport("train", 2), Report("a", 3, "rows", 1, "é")]
)
def test_what_is_told_is_what_is_read(
    report: Report | StageReport, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MARK, "a mark ")
    tell(report)
    assert read_report(capfd.readouterr().err.removeprefix("a mark ")) == report


def test_nobody_is_told_where_nobody_reads(capfd: pytest.CaptureFixture[str]) -> None:
    tell(StageReport("train"))
    assert capfd.readouterr().err == ""


def test_the_bars_of_libraries_are_silent_and_ours_are_not() -> None:
    code = (
        "import training\n"
        "from tqdm.auto import tqdm\n"
        "from project.progress import progress\n"
        "import sys; sys.stderr.isatty = lambda: True\n"
        "for _ in tqdm(range(3), desc='Loading weights'): pass\n"
        "with progress('ours', 3, 'steps') as bar: bar.advance(3)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TQDM_DISABLE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Loading weights" not in done.stderr
    assert "ours: 100%" in done.stderr
