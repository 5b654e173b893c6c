"""Why a run failed, in the words of who knows best: the stage, or DVC."""

import re
from collections.abc import Sequence

from incumbent.running.dvc_output import DvcOutput
from incumbent.running.run_log import log_path
from project.errors import IncumbentError

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
    stage, said = output.screen.running, "\n".join(output.error)
    exited = EXITED.search(said)
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
    said = "\n".join(list(words)[-SHOWN:]).strip()
    advice = next((what for complaint, what in ADVICE.items() if complaint in said), "")
    return "\n".join(filter(None, [f"dvc: {said}", advice]))


def see_log() -> str:
    return f"all that was printed: {log_path()}"
