"""Checkpoints are whole or absent, the newest valid one is taken, and resumed is uninterrupted."""

import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from project.child_processes import EndedBySignal, ended_by_signals
from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.paths import CODE
from tests.conftest import ROOT
from tests.training.kept_steps import ADAPTER, SFT, pinned, recipe_of, sft_trainer, trained
from training.kept.checkpoints import Checkpoints, CheckpointStore
from training.kept.kept_run import KeptRun, noted_signals, run_key
from training.training_settings import DpoParams, KtoParams, LimitsParams, StepParams

pytest_plugins = ["tests.servers"]

KEY, OTHER_KEY = "a" * 64, "a" * 16 + "b" * 48  # they share a folder
ALWAYS = LimitsParams(save_minutes=1e-9)  # before every step
SHORT = SFT.model_copy(update={"epochs": 1})  # 6 steps


def writing(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "state").write_text(text) and None


def with_three(place: str) -> Checkpoints:
    found = Checkpoints(place, KEY, 10)
    for step in (10, 20, 30):
        assert found.save(step, writing(str(step)))
    return found


def state_of_newest(kept: Checkpoints) -> str:
    newest = kept.newest_valid()
    assert newest is not None
    return (newest / "state").read_text()


# --- in a folder ---------------------------------------------------------------------------------


def test_a_checkpoint_is_due_when_the_minutes_have_passed() -> None:
    now = [0.0]
    found = Checkpoints("kept", KEY, save_minutes=10, clock=lambda: now[0])
    now[0] = 599
    assert not found.due
    now[0] = 600
    assert found.due
    found.save(1, writing("one"))
    assert not found.due


def test_they_lie_below_the_projects_state_where_nothing_else_is_said(tmp_path: Path) -> None:
    Checkpoints(None, KEY, 10).save(1, writing("one"))
    assert (tmp_path / "home/checkpoints" / KEY[:16] / "step-00000001/checkpoint.json").is_file()


@pytest.mark.parametrize("place", ["kept", "file://{}/kept", "memory://kept"])
def test_the_newest_is_taken_and_the_one_before_is_kept(place: str, tmp_path: Path) -> None:
    place = place.format(tmp_path)
    with_three(place)
    again = Checkpoints(place, KEY, 10)
    assert state_of_newest(again) == "30"
    assert again.names() == ["step-00000020", "step-00000030"]
    again.forget()
    assert again.newest_valid() is None


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda folder: (folder / "state").write_text("3O"), "state is damaged"),
        (lambda folder: (folder / "checkpoint.json").unlink(), "it is half-written"),
    ],
    ids=["damaged", "half-written"],
)
def test_one_that_is_not_whole_is_skipped_in_words(
    spoil: Callable[[Path], object], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = with_three("kept")
    spoil(found.place.fetch("step-00000030"))
    assert state_of_newest(found) == "20"
    told = "checkpoint step-00000030 in kept/aaaaaaaaaaaaaaaa is skipped: "
    assert f"{told}{fault}" in capsys.readouterr().out


def test_one_of_another_run_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    with_three("kept")
    assert Checkpoints("kept", OTHER_KEY, 10).newest_valid() is None
    assert capsys.readouterr().out.count("it is of another run") == 2


def test_a_card_names_no_file_outside_of_its_checkpoint(tmp_path: Path) -> None:
    found = with_three("kept")
    card = found.place.fetch("step-00000030") / "checkpoint.json"
    card.write_text(card.read_text().replace('"state"', '"../../secret"'))
    (tmp_path / "secret").write_text("30")
    assert state_of_newest(found) == "20"


def test_one_that_was_skipped_counts_for_nothing_when_old_ones_go() -> None:
    found = with_three("kept")
    (found.place.fetch("step-00000030") / "checkpoint.json").unlink()
    again = Checkpoints("kept", KEY, 10)
    again.newest_valid()
    again.save(40, writing("40"))
    assert sorted(again.names()) == ["step-00000020", "step-00000040"]


def test_a_full_disk_is_a_warning_and_the_old_one_stays(capsys: pytest.CaptureFixture[str]) -> None:
    def on_a_full_disk(folder: Path) -> None:
        (folder / "state").write_bytes(b"half of it")
        Path("/dev/full").write_bytes(b"the rest")

    found = with_three("kept")
    assert not found.save(40, on_a_full_disk)
    told = capsys.readouterr().err
    assert "the checkpoint of step 40 is not written, and that of step 30 is kept" in told
    assert "No space left on device" in told
    assert "make room in kept/aaaaaaaaaaaaaaaa, or set training.limits.checkpoints" in told
    assert sorted(path.name for path in Path("kept", KEY[:16]).iterdir()) == [
        "step-00000020",
        "step-00000030",
    ]
    assert found.save(40, writing("40"))


@pytest.mark.parametrize("error", [IncumbentError("it cannot be listed"), OSError("it is stale")])
def test_a_place_that_cannot_be_listed_any_more_is_a_warning(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(_: CheckpointStore) -> list[str]:
        raise error

    found = with_three("kept")
    monkeypatch.setattr(CheckpointStore, "names", gone)
    assert found.save(40, writing("40"))
    found.forget()
    told = f"warning: old checkpoints in kept/aaaaaaaaaaaaaaaa not deleted: {error}"
    assert capsys.readouterr().err.count(told) == 2


def test_one_that_cannot_be_deleted_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(place: CheckpointStore, name: str) -> None:
        if name == "step-00000020":
            raise OSError("it is held")
        removed.append(name)

    removed = list[str]()
    found = with_three("kept")
    monkeypatch.setattr(CheckpointStore, "remove", refuse)
    found.forget()
    assert removed == ["step-00000030"]
    assert "warning: step-00000020 in kept/aaaaaaaaaaaaaaaa not deleted: it is held" in (
        capsys.readouterr().err
    )


def copies() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("checkpoint-*"))


def test_of_a_store_one_copy_is_here_at_most_and_of_a_folder_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with_three("kept").newest_valid()
    assert copies() == []
    place = with_three("memory://copies").place
    first, second = (place.fetch(f"step-000000{step}") for step in (20, 30))
    assert copies() == [second] != [first]
    place.drop_copy()
    assert copies() == []


def test_a_place_that_is_none_is_bad_input() -> None:
    with pytest.raises(InputError, match=r"training.limits.checkpoints: cannot open nowhere://x"):
        Checkpoints("nowhere://x", KEY, 10)


@pytest.mark.slow
def test_they_lie_in_an_object_store_too(
    object_store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = with_three(f"{object_store}/checkpoints")
    found.place.files.write("step-00000030/state", b"3O")
    again = Checkpoints(f"{object_store}/checkpoints", KEY, 10)
    assert state_of_newest(again) == "20"
    assert "step-00000030" in capsys.readouterr().out
    again.forget()
    assert again.names() == []


@pytest.mark.slow
def test_a_store_that_cannot_be_reached_is_an_error(object_store: str) -> None:
    away = Checkpoints(object_store.replace("s3://", "s3://No "), KEY, 10)
    with pytest.raises(IncumbentError, match="cannot be listed"):
        away.newest_valid()


# --- what is in one ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    import numpy as np
    import torch

    from training.kept.training_state import read_state, write_state

    weight = torch.randn(3, dtype=torch.bfloat16)
    state = {
        0: {"step": torch.tensor(7.0), "exp_avg": weight, "shared": weight},
        "lrs": [1e-3, None, True],
        "mersenne": ("MT19937", np.arange(4, dtype=np.uint32), 2),
        "lowest": math.inf,
    }
    write_state(state, tmp_path)
    found = read_state(tmp_path)
    assert found["lrs"] == state["lrs"]
    assert found["lowest"] == math.inf
    assert torch.equal(found[0]["exp_avg"], weight)
    assert torch.equal(found[0]["shared"], weight)
    assert isinstance(found["mersenne"], tuple)
    assert found["mersenne"][1].dtype == np.uint32


@pytest.mark.slow
def test_a_state_that_is_code_is_refused(tmp_path: Path) -> None:
    from training.kept.training_state import write_state

    with pytest.raises(TypeError, match="a state holds function"):
        write_state({"schedule": lambda step: step}, tmp_path)


# --- resumed equals uninterrupted ----------------------------------------------------------------


def kept_run(trainer: Any, base: Path, limits: LimitsParams, **steps: StepParams) -> Any:
    recipe = recipe_of(pinned(base), **steps)
    run = KeptRun(recipe.taken[-1], recipe, limits)
    run.train(trainer)
    return run


def broken_off(
    trainer: Any, at: int, base: Path, limits: LimitsParams = ALWAYS, /, **steps: StepParams
) -> None:
    """Train until so many steps are taken, with a checkpoint before each."""
    from transformers import TrainerCallback

    class Break(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            if state.global_step == at:
                raise ZeroDivisionError

    trainer.add_callback(Break())
    with pytest.raises(ZeroDivisionError):
        kept_run(trainer, base, limits, **steps)


def losses(trainer: Any) -> list[float]:
    """Those that were logged, with those of the run that this one went on from."""
    return [logged["loss"] for logged in trainer.state.log_history if "loss" in logged]


@pytest.fixture(scope="module")
def whole(tiny_base: Path) -> Any:
    """The trainer of a run that was not interrupted."""
    trainer = sft_trainer(tiny_base)
    trainer.train()
    return trainer


@pytest.mark.slow
def test_a_resumed_run_has_the_bytes_of_an_uninterrupted_one(tiny_base: Path, whole: Any) -> None:
    """Broken off at the beginning of the second epoch: the order of its rows and its dropout are
    drawn as they were. What a checkpoint holds is no pickle.
    """
    broken_off(sft_trainer(tiny_base), 7, tiny_base)
    newest = Checkpoints(None, run_key(recipe_of(pinned(tiny_base))), 10).newest_valid()
    assert newest is not None
    assert {path.name for path in Path("home/checkpoints").rglob("*") if path.is_file()} == {
        "checkpoint.json",
        "model.safetensors",
        "state.json",
        "state.safetensors",
        "trainer_state.json",
    }
    resumed = sft_trainer(tiny_base)
    kept_run(resumed, tiny_base, LimitsParams())
    assert resumed.state.global_step == 12
    assert trained(resumed) == trained(whole)
    assert losses(resumed) == losses(whole)


def preferring(step: str, base: Path) -> Any:
    from transformers import AutoTokenizer, PrinterCallback

    from project.records.data import Message
    from tests.conftest import NUMERICS
    from training.model.base_model import load_base
    from training.model.lora import add_adapter
    from training.rows.preference_rows import PairExample, RatedExample
    from training.steps.preference_trainers import dpo_trainer, kto_trainer

    model = add_adapter(load_base(base, ADAPTER, NUMERICS), ADAPTER, NUMERICS)
    tokenizer = AutoTokenizer.from_pretrained(base)
    pairs = [
        PairExample((Message(role="user", content=f"fee {i}?"),), f"It is {i}.", "Free!")
        for i in range(6)
    ]
    if step == "dpo":
        trainer = dpo_trainer(pairs, DPO, model, tokenizer, "float32", ADAPTER)
    else:
        rated = [
            RatedExample(p.prompt, text, text == p.chosen) for p in pairs for text in p.answers
        ]
        trainer = kto_trainer(rated, KTO, model, tokenizer, "float32", ADAPTER)
    trainer.remove_callback(PrinterCallback)
    return trainer


DPO = DpoParams(epochs=2, batch_size=2, learning_rate=5e-3)
KTO = KtoParams(epochs=2, batch_size=4, learning_rate=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["dpo", "kto"])
def test_preferences_are_resumed_equally_too(step: str, tiny_base: Path) -> None:
    params: dict[str, StepParams] = {step: DPO if step == "dpo" else KTO}
    whole = preferring(step, tiny_base)
    whole.train()
    broken_off(preferring(step, tiny_base), 4, tiny_base, **params)
    resumed = preferring(step, tiny_base)
    kept_run(resumed, tiny_base, LimitsParams(), **params)
    assert trained(resumed) == trained(whole)


def packing(base: Path, quantization: str) -> Any:
    """Our own trainer, with an early stop, and its base in four bits or not."""
    from project.records.adapters import Contestant
    from project.records.data import Row
    from tests.conftest import NUMERICS
    from training.steps.run_step import StepContext, prepare
    from training.steps.sft_step import sft_step_data

    rows = [Row.of(f"What is {i}?", "one " * (i + 1), group=str(i), source="s") for i in range(12)]
    adapter = ADAPTER.model_copy(update={"quantization": quantization, "dequantize_once": False})
    ground = StepContext(Contestant(base=pinned(base)), NUMERICS, adapter)
    return prepare(sft_step_data(rows, rows[:4], PACKED), ground).trainer


PACKED = SFT.model_copy(
    update={
        "patience": 1,
        "evaluations": 6,
        "learning_rate": 0.02,  # so much that the loss on dev soon rises
        "gradient_accumulation": 2,
        "epochs": 4,
    }
)


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_our_own_trainer_is_resumed_equally_with_its_early_stop(
    quantization: str, tiny_base: Path
) -> None:
    whole = packing(tiny_base, quantization)
    whole.train()
    broken_off(packing(tiny_base, quantization), 3, tiny_base, sft=PACKED)
    resumed = packing(tiny_base, quantization)
    kept_run(resumed, tiny_base, LimitsParams(), sft=PACKED)
    assert resumed.state.global_step == whole.state.global_step < whole.state.max_steps
    assert trained(resumed) == trained(whole)


def test_changed_data_code_or_another_recipe_starts_anew() -> None:
    others = recipe_of(data="e" * 64), recipe_of(sft=SFT.model_copy(update={"learning_rate": 1e-3}))
    assert len({run_key(recipe) for recipe in (recipe_of(), *others)}) == 3
    keys = [run_key(recipe_of())]
    for step, code in (("sft", "one"), ("sft", "two"), ("dpo", "of another step")):
        write_bytes(CODE / f"{step}.json", code.encode())
        keys.append(run_key(recipe_of()))
    assert len(set(keys[:3])) == 3
    assert keys[3] == keys[2]


@pytest.mark.slow
def test_the_copy_of_a_checkpoint_is_gone_when_training_has_begun(
    tiny_base: Path, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import TrainerCallback

    class Look(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            seen.append(copies())

    seen = list[list[Path]]()
    store = LimitsParams(checkpoints="memory://resumed")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    always = store.model_copy(update={"save_minutes": 1e-9})
    broken_off(sft_trainer(tiny_base), 7, tiny_base, always)
    resumed = sft_trainer(tiny_base)
    resumed.add_callback(Look())
    kept_run(resumed, tiny_base, store)
    assert seen == [[]] * 6  # it went on from step 6 of 12
    assert trained(resumed) == trained(whole)


@pytest.mark.slow
def test_where_no_checkpoint_can_be_written_training_goes_on(
    tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a-file").write_text("and no folder")
    trainer = sft_trainer(tiny_base, SHORT)
    limits = ALWAYS.model_copy(update={"checkpoints": "a-file"})
    kept_run(trainer, tiny_base, limits, sft=SHORT)
    assert trainer.state.global_step == 6
    assert "is not written, and there is none yet: " in capsys.readouterr().err


@pytest.mark.slow
def test_an_adapter_that_has_no_room_is_a_clear_error(tiny_base: Path, tmp_path: Path) -> None:
    run = kept_run(sft_trainer(tiny_base, SHORT), tiny_base, ALWAYS, sft=SHORT)
    full = (
        r"adapter of sft cannot be written to adapter: No space left .* \(the checkpoint of step 5"
    )
    with pytest.raises(IncumbentError, match=full), run.saving(Path("adapter")):
        Path("/dev/full").write_bytes(b"weights")


# --- killed from outside -------------------------------------------------------------------------


def test_the_first_signal_of_a_kind_is_noted_and_the_same_again_ends_at_once() -> None:
    """`incumbent run` sends SIGINT first, and SIGTERM five seconds later: a step may be longer."""
    with ended_by_signals(), noted_signals() as asked:
        assert asked.number is None
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert asked.number == signal.SIGTERM
        with pytest.raises(EndedBySignal):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(EndedBySignal) as ended:
            asked.end()
    assert ended.value.exit_code == 128 + signal.SIGTERM


def test_a_signal_amid_a_print_is_noted_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python refuses a print within another one: a bar may be drawn when the signal comes."""
    monkeypatch.setattr(sys, "stderr", None)
    with noted_signals() as asked:
        signal.raise_signal(signal.SIGTERM)
    assert asked.number == signal.SIGTERM
    assert "SIGTERM: a checkpoint comes after this step" in capfd.readouterr().err


def test_a_signal_that_was_ignored_is_still_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with noted_signals() as asked:
            signal.raise_signal(signal.SIGHUP)
            assert asked.number is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
def test_a_signal_in_the_last_step_ends_nothing_and_that_is_said(
    tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import TrainerCallback

    class Signal(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            if state.global_step == state.max_steps:
                signal.raise_signal(signal.SIGTERM)

    trainer = sft_trainer(tiny_base, SHORT)
    trainer.add_callback(Signal())
    kept_run(trainer, tiny_base, LimitsParams(), sft=SHORT)
    assert trainer.state.global_step == 6
    assert "training was done when it came: the adapter is written" in capsys.readouterr().err


LONG = SFT.model_copy(update={"epochs": 6})  # 36 steps
CHILD = """
import sys
from pathlib import Path
from project.child_processes import ended_by_signals
from tests.training.kept_steps import pinned, recipe_of, sft_trainer
from tests.training.test_checkpoints import ALWAYS, LONG, kept_run
base = Path(sys.argv[1])
with ended_by_signals():
    kept_run(sft_trainer(base, LONG), base, ALWAYS, sft=LONG)
"""


def killed(base: Path, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    """A child process that trains, and gets a signal once it has written checkpoints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD, str(base)]
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    kept = Path("home/checkpoints")
    while child.poll() is None and not list(kept.glob("*/step-0000000[3-9]/checkpoint.json")):
        Event().wait(0.05)
    child.send_signal(number)
    out, err = child.communicate()
    return subprocess.CompletedProcess(command, child.returncode, out, err)


@pytest.fixture(scope="module")
def undisturbed(tiny_base: Path) -> dict[str, bytes]:
    """What a run learns that no signal comes to."""
    trainer = sft_trainer(tiny_base, LONG)
    trainer.train()
    return trained(trainer)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_a_killed_run_goes_on_to_the_same_bytes(
    number: signal.Signals,
    tiny_base: Path,
    undisturbed: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = killed(tiny_base, number)
    # 1 is Python's own end of a KeyboardInterrupt that is ours.
    assert done.returncode in (-number, 1)
    if number is signal.SIGTERM:
        assert "SIGTERM: a checkpoint comes after this step" in done.stderr
        assert "project.child_processes.EndedBySignal: SIGTERM" in done.stderr
    resumed = sft_trainer(tiny_base, LONG)
    kept_run(resumed, tiny_base, LimitsParams(), sft=LONG)
    assert re.search(r"going on from the checkpoint of step \d+ of 36", capsys.readouterr().out)
    assert trained(resumed) == undisturbed
