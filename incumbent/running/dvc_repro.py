"""`dvc repro` as a child process: its output goes to a log, what it says to the screen."""

import hashlib
import os
import re
import secrets
import select
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import sleep
from typing import IO

from evaluation.decision.policy import RATINGS, Policy, refuse_unread_votes
from evaluation.evaluation_settings import (
    GenerationParams,
    MetricChoice,
    PreferenceParams,
    ScoringParams,
)
from evaluation.generation.users_and_tools import ToolProcess
from evaluation.scoring.built_in import SCORERS, better_by, our_class
from evaluation.suites.every_suite import MEMORISATION, SUITES
from incumbent.output import AT_WORK
from incumbent.running.run_screen import DvcOutput, RunScreen
from incumbent.running.warm_programs import warm_programs
from project.child_processes import POLL, GitError, environment, git, interrupt_group, locked_md5
from project.errors import IncumbentError, InputError, pip_install
from project.files import home, locked
from project.paths import CODE, NUMERICS
from project.progress import MARK
from project.records.record import Record
from project.settings import SECTIONS, load, model_of, setting_error
from training.precision import choose_numerics
from training.training_settings import GrpoParams

LOCK = Path("dvc.lock")
# A return at the end of what was read may be the first half of an end of line.
LINE_END = re.compile(rb"(\r\n|\n|\r(?=.))", re.DOTALL)


def reproduce(target: str | None, screen: RunScreen) -> None:
    """Run the pipeline, or one stage and what it needs; raises as run_dvc does."""
    run_dvc([target] if target else [], screen)


def run_dvc(arguments: Sequence[str], screen: RunScreen) -> None:
    """Run `dvc repro` with these arguments.

    Waits where somebody else is at work in the project. Raises RunFailedError when a stage fails,
    and IncumbentError for what DVC itself complains of.
    """
    command = [found_dvc(), "--wait-for-lock", "repro", *arguments]
    # Else a Python program that prints to a pipe is heard of at its end alone.
    variables = {"PYTHONUNBUFFERED": "1", **environment()}
    alone = locked(
        log_path().with_name("run.lock"), partial(screen.wait, AT_WORK.format("`incumbent run`"))
    )
    with alone, new_log() as log, warm_programs(["incumbent"], variables) as programs:
        variables["PATH"] = f"{programs}{os.pathsep}{variables['PATH']}"
        if DVC_LOCK.exists():
            with locked(DVC_LOCK, partial(screen.wait, AT_WORK.format("DVC command"))):
                pass
        screen.wait("")
        while failed := run(command, variables, screen, log):
            if not wait_for_blockers("\n".join(failed.error), screen):
                problem = failure(failed)
                screen.finish(failed=True)
                raise problem
    screen.finish()


def found_dvc() -> str:
    program = shutil.which("dvc", path=environment()["PATH"])
    if program is None:
        raise InputError(f"this needs dvc, which is not installed: {pip_install('train')}")
    return program


def run(
    command: Sequence[str], variables: Mapping[str, str], screen: RunScreen, log: IO[bytes]
) -> DvcOutput | None:
    """Run DVC to its end, in a process group of its own; returns what it printed if it failed."""
    mark = f"{secrets.token_hex(8)} "  # no program prints it by chance
    output = DvcOutput(screen, mark)
    with subprocess.Popen(
        command,
        env={**variables, MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            before = b""
            for line, end in lines(process, screen):
                words = output.take(line.decode(errors="replace"), rewritten=b"\r" in (before, end))
                if end != b"\r" and (words or not line):
                    log.write(words.encode() + b"\n")
                before = end
            process.wait()
        except BaseException:
            screen.wait("ending what runs …")
            interrupt_group(process.pid, process.poll)
            raise
    return output if process.returncode else None


def lines(process: subprocess.Popen[bytes], screen: RunScreen) -> Iterator[tuple[bytes, bytes]]:
    """Each line with its end, until the process ends; programs that it left are not waited for."""
    assert process.stdout is not None
    rest = b""
    while True:
        gone = process.poll() is not None  # asked before what it wrote last is looked for
        if select.select([process.stdout], [], [], POLL)[0]:
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            *parts, rest = LINE_END.split(rest + chunk)
            yield from zip(parts[::2], parts[1::2], strict=True)
        elif gone:
            break
        screen.tick()
    if rest:
        yield rest, b"\n"


# --- own lock -------------------------------------------------------------------------------------

# Whether the sample's dvc.lock was made where the same code comes to other bytes than here.


def keep_lock_apart() -> None:
    """Let git not see this clone's changes of a dvc.lock that was made elsewhere."""
    try:
        if (elsewhere := locked_elsewhere()) is None:
            return
        git("update-index", "--skip-worktree", str(LOCK))
    except InputError:  # of a wrong setting, of which the run will tell
        return
    except GitError:  # no repository, or dvc.lock is not in it
        return
    print(
        f"{LOCK} was locked {elsewhere}: every model learns or answers anew here, and git does not "
        f"see what becomes of the lock (`git update-index --no-skip-worktree {LOCK}` shows it)"
    )


def locked_elsewhere() -> str | None:
    """Where the lock was made, if this code makes other files there: answers and adapters depend on
    the kind of machine, and rows of installed packages on Python's version.
    """
    here, numerics = choose_numerics(), locked_md5(LOCK, "base", NUMERICS)
    if numerics not in (None, md5_of_record(here)):
        return f"on another kind of machine than this one ({here})"
    # Imported here because reading all imports takes a library that no other verb needs.
    from incumbent.code import PYTHON, PYTHONS, Imports, code_of

    code = code_of("curation.collect", Imports())
    pythons = {md5_of_record(code.by(python)): python for python in (*PYTHONS, PYTHON)}
    python = pythons.get(locked_md5(LOCK, "collect", CODE / "collect.json") or "", PYTHON)
    return None if python == PYTHON else f"with {python} and not with {PYTHON}"


def md5_of_record(record: Record) -> str:
    """As DVC has it of the file that `record.write` makes."""
    return hashlib.md5(record.canonical() + b"\n", usedforsecurity=False).hexdigest()


# --- failed run -----------------------------------------------------------------------------------

# Why a run failed, in the words of who knows best: the stage, or DVC.

EXITED = re.compile(r"failed to run: .*, exited with (-?\d+)\s*$", re.DOTALL)
OURS = "error: "  # how our stages begin to say what is wrong
SHOWN = 15  # lines of a program that failed without such a word
KILLED = (-9, 137)  # the process itself, or as the shell says it that ran it
# What to do about a complaint of DVC's.
ADVICE = {
    "not inside of a DVC repository": "`git init` and then `dvc init` make it one",
    "missing data": "`dvc checkout` or `dvc pull` brings it back",
    "No such file or directory": "bring it back, or leave it out of dvc.yaml",
    "are missing from 'params.yaml'": "params.yaml must have all that dvc.yaml lists as `params`",
}


class RunFailedError(IncumbentError):
    """A stage failed. The exit code is the stage's own where it is one that we give."""

    def __init__(self, problem: str, exit_code: int) -> None:
        super().__init__(problem)
        self.exit_code = exit_code if exit_code in (1, 2) else 1


def failure(output: DvcOutput) -> IncumbentError:
    """What to raise after a run that failed."""
    stage, errors = output.screen.running, "\n".join(output.error)
    exited = EXITED.search(errors)
    if stage is None or not (exited or stage.exit_code):
        return IncumbentError(f"{complaint_of_dvc(output)}\n{see_log()}")
    code = int(exited[1]) if exited else stage.exit_code or 1
    problem = complaint_of_ours(stage.words) or ended(stage.name, stage.words, code)
    return RunFailedError(f"{problem}\n{see_log()}", code)


def complaint_of_ours(words: Sequence[str]) -> str | None:
    """What a stage of ours says is wrong, to its last line; None where it does not say so."""
    starts = [i for i, line in enumerate(words) if line.startswith(OURS)]
    return "\n".join(list(words)[starts[-1] :]).removeprefix(OURS) if starts else None


def ended(stage: str, words: Sequence[str], code: int) -> str:
    """What is known of a program that failed in its own way."""
    last = "".join(f"\n  {line}" for line in list(words)[-SHOWN:])
    printed = f"; it printed last:{last}" if last else ""
    if code in KILLED:
        return f"stage {stage!r} was killed, maybe for want of memory{printed}"
    return f"stage {stage!r} failed with exit code {code}{printed}"


def complaint_of_dvc(output: DvcOutput) -> str:
    stage = output.screen.running
    words = output.error or output.others or (stage.words if stage else ())
    text = "\n".join(list(words)[-SHOWN:]).strip()
    advice = next((what for complaint, what in ADVICE.items() if complaint in text), "")
    return "\n".join(filter(None, [f"dvc: {text}", advice]))


def see_log() -> str:
    return f"all that was printed: {log_path()}"


# --- run log --------------------------------------------------------------------------------------

# The log of a run: all that DVC and the stages print, of the newest run and the one before.


def log_path() -> Path:
    return home() / "logs" / "run.log"


@contextmanager
def new_log() -> Iterator[IO[bytes]]:
    """An empty log, written through line by line; the one before is kept beside it."""
    path = log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name("run.before.log"))
    with path.open("wb", buffering=0) as log:
        yield log


# --- waiting --------------------------------------------------------------------------------------

# Waiting for whoever else is at work in the project, and saying so.

DVC_LOCK = Path(".dvc", "tmp", "lock")
BUSY = "is busy, it is being blocked by"  # what DVC says of a stage that another process runs
BLOCKER = re.compile(r"\(PID (\d+)\)")
RETRY = 10.0  # seconds


def wait_for_blockers(error: str, screen: RunScreen) -> bool:
    """Wait a while for the processes that DVC says it was blocked by; False: it was not."""
    if BUSY not in error:
        return False
    pids = [int(pid) for pid in BLOCKER.findall(error)]
    others = ", ".join(map(str, pids))
    screen.wait(f"another DVC command runs the pipeline (process {others}): waiting for it …")
    for _ in range(round(RETRY / POLL)):
        if not any(map(alive, pids)):
            break
        sleep(POLL)
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


# --- early checks ---------------------------------------------------------------------------------

# What is wrong with the settings and the suites, told before a run and not after its training.

PREFERENCE = "preference"  # gates without a scorer; what has the name brings scipy


def refuse_wrong_settings() -> None:
    """Raise InputError naming file, line and field for what a later stage would refuse."""
    for section in SECTIONS:
        if not section.startswith("curation."):  # the first stages tell of theirs at once
            load(model_of(section))
    asked = {suite.name: suite.better for suite in SUITES if suite.rows()}
    generation = load(GenerationParams)
    if generation.conversations.tools:
        with ToolProcess(generation.conversations.tools):  # it imports
            pass
    if generation.memorisation:
        asked[MEMORISATION.name] = MEMORISATION.better
    policy = load(Policy)
    refuse_unknown_guards(policy, asked)
    rewards, preference = load(GrpoParams).rewards, load(PreferenceParams)
    refuse_unknown_metrics(policy, load(ScoringParams), preference, rewards)
    refuse_unread_votes(policy, preference, rewards)


def refuse_unknown_guards(policy: Policy, asked: Mapping[str, Mapping[str, object]]) -> None:
    """Raise InputError where the policy guards what no suite that is on will have."""
    for suite, guards in (policy.suites or {}).items():
        known = [entry.name for entry in (*SUITES, MEMORISATION)]
        if suite not in known:
            there_are = ", ".join(known)
            raise misfit(f"a policy guards no suite {suite!r}; there are {there_are}", "suites")
        if suite not in asked:
            problem = f"the suite is off: no questions lie in datasets/{suite}"
            if suite == MEMORISATION.name:
                problem = "the suite is off: evaluation.generation.memorisation is 0"
            raise misfit(problem, "suites", suite)
        for metric in guards.keys() - asked[suite].keys():
            problem = f"suite {suite!r} has no metric {metric!r}; it has {', '.join(asked[suite])}"
            raise misfit(problem, "suites", suite, metric)


def refuse_unknown_metrics(
    policy: Policy,
    scoring: ScoringParams,
    preference: PreferenceParams,
    rewards: Iterable[str] = (),
) -> None:
    """Raise InputError where the policy or a reward names what nobody scores.

    With a scorer that is not ours nothing is said: what it gives is known when it has run.
    """
    given = [name for at, choice in enumerate(scoring.metrics) for name in metrics_of(choice, at)]
    if any(":" in choice.metric for choice in scoring.metrics):
        return
    given += [rubric.name for rubric in preference.rubrics or ()]
    decides = ("evaluation", "policy")
    named: dict[tuple[str, ...], tuple[Iterable[str], Iterable[str]]] = {
        (*decides, "gating"): (policy.gating, [PREFERENCE, *RATINGS]),
        (*decides, "guards"): (policy.guards or (), []),
        (*decides, "floors"): (policy.floors, []),
        ("training", "grpo", "rewards"): (rewards, [PREFERENCE]),
    }
    for field, (names, besides) in named.items():
        if unknown := [name for name in names if name not in {*given, *besides}]:
            problem = (
                f"{unknown[0]!r} is given by no scorer of evaluation.scoring.metrics; these give "
            )
            raise setting_error(problem + ", ".join(given), *field)


def metrics_of(choice: MetricChoice, at: int) -> Iterator[str]:
    """The names that a scorer of ours gives. Raises InputError for options that do not fit it."""
    if ":" in choice.metric:
        return
    if choice.metric in SCORERS and not choice.options:
        yield from better_by(our_class(choice.metric))
        return
    # Imported here because making a scorer takes seconds: who sets no options need not wait.
    from evaluation.scoring.built_in import instance

    yield from better_by(instance(choice, at, Path()))


def misfit(problem: str, *steps: str) -> InputError:
    return setting_error(problem, "evaluation", "policy", *steps)
