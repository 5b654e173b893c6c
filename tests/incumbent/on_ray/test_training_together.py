"""What several processes learn together is what one learns alone, on one machine and on Ray, and a
worker that is killed changes nothing.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.canonical import digest_file
from project.files import home
from project.paths import step_of
from tests.incumbent.setting_effects.effect import put
from tests.incumbent.tiny_project import lay_out_project
from training.kept import kept_run
from training.kept.kept_run import Keeper
from training.processes import process_launcher
from training.processes.group import is_first
from training.recipe import StepRecord

pytestmark = pytest.mark.slow

WEIGHTS = "adapter/adapter_model.safetensors"
SETTINGS: dict[str, Any] = {
    "training__adapter__dropout": 0,  # each process draws masks of its own
    "training__sft__rows": 9,  # three batches, in the last of which the second process has no row
    "training__sft__epochs": 4,
    "training__sft__evaluations": 1,
    "training__limits__save_minutes": 1e-9,  # a checkpoint before every step
}
# Two sums of the same numbers in another order: float32 has 24 bits, and twelve steps were taken.
TOLERANCE = 1e-6


def trained(**settings: Any) -> StepRecord:
    """What stage `sft` makes with these settings beside."""
    from training import sft

    params = yaml.safe_load(Path("params.yaml").read_text())
    for name, value in settings.items():
        put(params, name.replace("__", "."), value)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    sft.main()
    return StepRecord.read(step_of("sft") / "step.json")


def lay_out() -> None:
    from training import start
    from training.steps.earlier import leave_out

    lay_out_project(**SETTINGS)
    start.main()
    leave_out("domain")


class Dying(Keeper):
    """Kills its process amid the run, once: the second one, when two steps are in a checkpoint."""

    def __init__(self, mark: Path, *told: Any) -> None:
        super().__init__(*told)
        self.mark = mark

    def save(self, step: int) -> None:
        if step == 3 and not is_first() and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().save(step)


def work_mortally(work: Callable[[dict[str, Any]], Any], mark: Path, config: dict[str, Any]) -> Any:
    """What a worker does, one of which is killed."""
    kept_run.Keeper = partial(Dying, mark)  # type: ignore[assignment, misc]
    return work(config)


def test_two_processes_learn_what_one_does_and_so_do_rays_though_one_is_killed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray import cloudpickle
    from safetensors.torch import load_file

    from training.kept.books import read_book

    lay_out()
    alone = trained()
    weights = load_file(step_of("sft") / WEIGHTS)

    together = trained(training__distributed={"processes": 2})
    assert (alone.processes, together.processes) == (None, 2)
    assert (alone.tokens, alone.optimizer_steps) == (together.tokens, together.optimizer_steps)
    assert together.loss_after == pytest.approx(alone.loss_after, abs=TOLERANCE)
    shared = load_file(step_of("sft") / WEIGHTS)
    assert max(float((weights[name] - shared[name]).abs().max()) for name in weights) < TOLERANCE
    assert capfd.readouterr().out.count("training sft: ") == 2  # once by each run
    digest = digest_file(step_of("sft") / WEIGHTS)

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers have no such module
    mark = Path("killed").absolute()
    monkeypatch.setattr(
        process_launcher, "work", partial(work_mortally, process_launcher.work, mark)
    )
    there = trained(engine="ray", ray={"workers": 2, "cpus_per_worker": 1})
    assert mark.exists()
    assert there == together
    assert digest_file(step_of("sft") / WEIGHTS) == digest
    assert there.recipe
    book = read_book(there.recipe.digest)
    assert book
    assert (book.processes, book.resumed, book.finished) == (2, 1, True)
    assert not list(home().glob("checkpoints/*/*"))
