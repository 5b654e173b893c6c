"""What DVC and stages print becomes a line a stage: words, warnings, bars, and errors."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from itertools import accumulate

import pytest
from rich.console import Console

from incumbent.running.dvc_repro import failure, lines
from incumbent.running.run_screen import DvcOutput, RunScreen, ScreenLayout, done_line, far_line
from incumbent.running.running_stage import RunningStage, duration_text, roughly
from project.errors import IncumbentError
from project.progress import Report, StageReport

MARK = "mark "
NAMES = ("collect", "train", "notify")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(report: Report | StageReport) -> str:
    return MARK + json.dumps(asdict(report))


def heard(lines: Sequence[str], clock: Clock | None = None) -> DvcOutput:
    output = DvcOutput(RunScreen(NAMES, clock or Clock()), MARK)
    for line in lines:
        output.take(line)
    return output


def error_of(*lines: str) -> IncumbentError:
    return failure(heard(["Running stage 'train':", "> incumbent stage train", *lines]))


def test_a_stage_is_a_line_with_what_it_printed_last(capsys: pytest.CaptureFixture[str]) -> None:
    heard(
        [
            "Running stage 'train':",
            "> incumbent stage train",
            told(StageReport("train")),
            "training: 90,123 tokens",
            told(Report("training", 2, "steps")),
            told(Report("training", 2, "steps", 2)),
            "warning: it was slow",
            "trained adapter 3f9a",
            told(StageReport("train", 0)),
            "Updating lock file 'dvc.lock'",
            "",
            "To track the changes with git, run:",
        ]
    )
    shown = capsys.readouterr()
    assert shown.err == "train    trained adapter 3f9a (0.0 s)\n         warning: it was slow\n"
    assert shown.out == ""


def test_a_silent_stage_shows_what_its_bars_counted(capsys: pytest.CaptureFixture[str]) -> None:
    heard(
        [
            told(StageReport("train")),
            told(Report("champion", 60, "answers", 60)),
            told(Report("challenger", 60, "answers", 60)),
            told(StageReport("train", 0)),
            "Running stage 'notify':",
        ]
    )
    assert capsys.readouterr().err == "train    120 answers (0.0 s)\n"


def test_one_line_is_enough_of_a_program_that_is_not_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = ["Running stage 'notify':", "> ./notify.sh", "one", "two", "Updating lock file 'x'"]
    heard(lines)
    assert capsys.readouterr().err == "notify   two (0.0 s)\n"


def test_the_states_of_somebodys_bar_are_no_result() -> None:
    output = heard(["Running stage 'notify':", "ready"])
    output.take(" 50%|##  |", rewritten=True)
    output.take("100%|####|", rewritten=True)
    assert output.screen.running is not None
    assert (output.screen.running.newest, list(output.screen.running.words)) == (
        "100%|####|",
        ["ready"],
    )


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("printf 'a\\r\\nb\\rc\\n\\nd'", [b"a", b"b", b"c", b"", b"d"]),
        ("printf 'a\\r'; sleep 0.1; printf '\\nb\\n'", [b"a", b"b"]),
        ("sleep 20 & echo a", [b"a"]),  # what goes on in the background is not waited for
    ],
)
def test_what_is_printed_comes_line_by_line(program: str, printed: list[bytes]) -> None:
    with subprocess.Popen(["sh", "-c", program], stdout=subprocess.PIPE) as process:
        assert [line for line, _ in lines(process, RunScreen(NAMES))] == printed


def test_orders_to_a_terminal_are_left_out_of_words() -> None:
    output = heard(["Running stage 'notify':", "\x1b[2K\x1b[1;31mred\x1b[0m\tword"])
    assert output.screen.running is not None
    assert list(output.screen.running.words) == ["red     word"]


def test_stages_that_did_not_run_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    output = heard(
        [
            "Stage 'collect' didn't change, skipping",
            "'datasets/a.dvc' didn't change, skipping",
            "Stage 'train' is cached - skipping run, checking out outputs",
        ]
    )
    assert output.screen.left == ["notify"]
    output.screen.sum_up()
    assert capsys.readouterr().err.splitlines() == [
        "unchanged: collect, datasets/a.dvc",
        "as DVC keeps them from an earlier run: train",
    ]


def test_a_report_in_the_middle_of_a_line_takes_no_words_with_it() -> None:
    output = heard(["Running stage 'train':"])
    assert output.take("half a line" + told(Report("t", 3, "steps", 1))) == "half a line"
    assert output.screen.running is not None
    assert output.screen.running.bar == Report("t", 3, "steps", 1)


def test_without_a_terminal_a_long_stage_says_once_a_minute_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    output = heard(["Running stage 'train':"], clock)
    for second in range(0, 150, 10):
        clock.now = second
        output.take(told(Report("training", 300, "steps", second, f"loss={second}")))
    assert capsys.readouterr().err.splitlines() == [
        "train    …  60/300 steps, loss=60, 4 min left",
        "train    … 120/300 steps, loss=120, 3 min left",
    ]


def test_a_stage_of_ours_fails_with_all_that_it_says() -> None:
    error = error_of(
        "warning: something else",
        told(StageReport("train", 2)),
        "error: the gate is shut:",
        "  no account numbers",
        "mend the rows",
        "ERROR: failed to reproduce 'train': failed to run: incumbent stage train, exited with 2",
    )
    *said, log = str(error).splitlines()
    assert said == ["the gate is shut:", "  no account numbers", "mend the rows"]
    assert log.endswith("logs/run.log")
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("code", "words", "exit_code"),
    [
        ("3", "stage 'train' failed with exit code 3; it printed last:\n  Traceback …\n", 1),
        ("2", "stage 'train' failed with exit code 2; it printed last:\n  Traceback …\n", 2),
        ("-9", "stage 'train' was killed, maybe for want of memory; it printed last:", 1),
    ],
)
def test_a_program_that_fails_in_its_own_way_shows_the_end_of_what_it_printed(
    code: str, words: str, exit_code: int
) -> None:
    failed = f"ERROR: failed to reproduce 'train': failed to run: a\nb, exited with {code}"
    error = error_of("Traceback …", *failed.splitlines())
    assert str(error).startswith(words)
    assert error.exit_code == exit_code


def test_what_looks_like_an_error_of_dvc_is_the_stages_own_while_it_runs() -> None:
    output = heard(["Running stage 'notify':", "ERROR: no mail server, trying another"])
    assert output.error == []


def test_dvcs_own_complaint_comes_with_what_to_do() -> None:
    output = heard(["ERROR: you are not inside of a DVC repository (checked up to '/')"])
    error = failure(output)
    assert "dvc: you are not inside of a DVC repository" in str(error)
    assert "`dvc init`" in str(error)
    assert error.exit_code == 1


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_line_fits_the_terminal(width: int) -> None:
    clock, out = Clock(), StringIO()
    page = ScreenLayout(Console(file=out, width=width, markup=False, highlight=False), margin=11)
    stage = RunningStage("generate", clock)
    stage.say("a result of many words " * 10)
    stage.say("warning: a long one " * 10)
    page.console.print(far_line(page, stage))
    page.console.print(done_line(page, stage, stage.outcome, failed=False))
    for clock.now, done in ((0.0, 0), (600.0, 400)):
        stage.report(Report("champion, dev", 1200, "answers", done, "118 tokens/s"))
    page.console.print(far_line(page, stage))
    lines = out.getvalue().splitlines()
    assert max(map(len, map(str.rstrip, lines))) <= min(width, 100)
    assert all(line.startswith(("generate   ", " " * 11)) for line in lines)
    assert "━" in lines[-1]
    assert "400/1200 answers" in lines[-1]
    assert lines[-1].endswith("20 min left")


def test_the_time_left_is_of_the_bar_that_runs() -> None:
    clock = Clock()
    stage = RunningStage("score", clock)
    stage.report(Report("scoring", 4, "scorers"))
    clock.now = 2.0
    stage.report(Report("scoring", 4, "scorers", 2))
    assert stage.seconds_left == 2.0
    stage.report(Report("scoring", 4, "scorers"))  # the same work, on other answers
    assert stage.seconds_left is None


@pytest.mark.parametrize("first", [8.0, 30.0])
def test_a_slow_first_step_does_not_tell_the_time_left(first: float) -> None:
    """It took 8 s of some 60, and 13 minutes were said to be left; 10 minutes after one of 30 s."""
    clock = Clock()
    stage = RunningStage("train", clock)
    told = []
    for step in range(30):
        stage.report(Report("training", 100, "steps", step))
        told.append(stage.seconds_left)
        clock.now += 0.5 if step else first
    assert told[:11] == [None] * 11
    assert told[11:] == [0.5 * (100 - step) for step in range(11, 30)]


def test_work_that_comes_in_uneven_batches_tells_its_time_left_within_a_factor_of_three() -> None:
    """Batches of 2 to 12 answers a minute were said to take 6 minutes, then 65, then 6 again."""
    clock = Clock()
    stage = RunningStage("submit", clock)
    batches = [2, 12, 7, 3, 11] * 6
    ends = list(accumulate([70.0] * len(batches)))
    stage.report(Report("champion, sealed", sum(batches), "answers"))
    for clock.now, done in zip(ends, accumulate(batches), strict=True):
        stage.report(Report("champion, sealed", sum(batches), "answers", done))
        truth, told = ends[-1] - clock.now, stage.seconds_left
        if clock.now > ends[2] and truth:
            assert told is not None
            assert truth / 3 <= told <= 3 * truth


@pytest.mark.parametrize(
    ("seconds", "exactly", "about"),
    [(0.84, "0.8 s", "1 s"), (59.6, "1 min 0 s", "60 s"), (3661, "1 h 1 min", "61 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, exactly: str, about: str) -> None:
    assert (duration_text(seconds), roughly(seconds)) == (exactly, about)
