"""The books of training: what a step took, how that is added up, what it may cost."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from project.errors import IncumbentError
from tests.training.kept_steps import SFT, pinned, recipe_of, sft_trainer, trained
from training.cost.memory import StepWork
from training.cost.step_estimate import StepEstimate
from training.kept.books import (
    Energy,
    EnergyMeter,
    TrainingBook,
    book_of,
    books_of,
    off_by,
    read_book,
    recipes_of,
    write_book,
)
from training.kept.kept_run import Budget
from training.training_settings import DomainParams, DpoParams, LimitsParams

DOMAIN, DPO = DomainParams(epochs=1), DpoParams(epochs=1)
THREE = recipe_of(domain=DOMAIN, sft=SFT, dpo=DPO)
RECIPE = recipe_of(domain=DOMAIN, sft=SFT)
WORK = StepWork(
    examples=10,
    tokens=600,
    scored=100,
    batches=10,
    longest=60,
    longest_scored=10,
)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("steps", "times"),
    [
        ([], 1.0),
        ([(300, 100, {}), (60, 20, {})], 3.0),
        ([(300, 100, {"processes": 2}), (300, 100, {"finished": False})], 1.0),
        ([(50, 100, {}), (1e9, 1, {"finished": False})], 0.5),
        ([(1e9, 1, {})], 10.0),
        ([(300, None, {})], 1.0),
    ],
)
def test_the_next_step_is_reckoned_by_what_the_last_ones_took(
    steps: list[tuple[float, float | None, dict[str, Any]]], times: float
) -> None:
    for number, (seconds, reckoned, more) in enumerate(steps):
        fields = {"finished": True, "seconds": seconds, "estimated_seconds": reckoned} | more
        write_book(TrainingBook(step="sft", recipe=f"{number}" * 64, **fields))
    assert off_by() == pytest.approx(times)
    estimate = StepEstimate(WORK, 10, 120.0, None, 6.0, times=off_by())
    assert f"about {2 * times:.0f} min" in str(estimate)


# --- the books -----------------------------------------------------------------------------------


def test_a_book_says_in_one_line_what_a_step_took() -> None:
    book = TrainingBook(
        step="sft",
        recipe="a" * 64,
        tokens=49_000,
        optimizer_steps=322,
        seconds=240,
        training_seconds=200,
        processor_seconds=390,
        peak_bytes=2 * 2**30,
        joules=1365,
        energy_source="3.5 W a busy core",
    )
    assert str(book) == (
        "sft: 49,000 tokens in 322 steps, 4.0 min, 245 tokens/s, 390 processor-seconds, "
        "2.0 GiB at the peak, about 0.38 Wh (3.5 W a busy core)"
    )
    more = book.model_copy(
        update={"price": 0.5, "money": 0.0333, "processes": 3, "resumed": 1, "lost_steps": 12}
    )
    assert str(more).endswith(
        ", 0.03 in money; interrupted 2 times, 1 resumed, 12 steps taken again"
    )


def test_each_steps_recipe_is_the_whole_one_cut_off_there() -> None:
    assert [one.digest for one in recipes_of(THREE)] == [
        recipe_of(domain=DOMAIN).digest,
        recipe_of(domain=DOMAIN, sft=SFT).digest,
        THREE.digest,
    ]


def test_an_adapters_books_are_those_of_its_steps_that_were_trained_here() -> None:
    domain, sft, dpo = (one.digest for one in recipes_of(THREE))
    write_book(TrainingBook(step="domain", recipe=domain, seconds=60))
    write_book(TrainingBook(step="dpo", recipe=dpo, earlier=(domain, sft), seconds=60))
    assert [book.step for book in books_of(dpo)] == ["domain", "dpo"]
    assert books_of("f" * 64) == ()


def running(clock: Clock, **limits: Any) -> Any:
    from training.kept.running_book import RunningBook

    return RunningBook("sft", RECIPE, LimitsParams(**limits), clock=clock)


def test_what_interrupted_processes_took_is_added_up_at_its_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.kept import running_book

    clock = Clock()
    busy = partial(EnergyMeter, powercap=tmp_path / "none", processor_clock=clock)
    monkeypatch.setattr(running_book, "EnergyMeter", busy)  # one core, all the time
    monkeypatch.setattr(running_book, "gpu_here", lambda: None)
    first = running(clock, price=6)
    first.goes_on_from(None)
    clock.now = 600
    first.enter(optimizer_steps=50)  # and then it is killed
    second = running(clock, price=6)
    second.goes_on_from(40)
    clock.now = 900
    book = second.enter(optimizer_steps=100, tokens=5000, finished=True)
    assert (book.processes, book.resumed, book.lost_steps) == (2, 1, 10)
    assert (book.seconds, book.money, book.watt_hours) == (900, 1.5, 900 * 3.5 / 3600)
    assert read_book(RECIPE.digest) == book


def test_a_finished_book_begins_anew_when_its_step_is_trained_again() -> None:
    clock = Clock()
    first = running(clock)
    clock.now = 600
    first.enter(finished=True)
    again = running(clock)
    clock.now = 660
    book = again.enter()
    assert (book.seconds, book.processes, book.finished) == (60, 1, False)


def test_a_damaged_book_is_left_aside_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    book_of(RECIPE.digest).parent.mkdir(parents=True)
    book_of(RECIPE.digest).write_text("{")
    assert running(Clock()).before.processes == 1
    assert "warning: a book is left aside: " in capsys.readouterr().err


def test_the_steps_before_are_added_up_from_their_own_books() -> None:
    write_book(TrainingBook(step="domain", recipe=recipe_of(domain=DOMAIN).digest, seconds=90))
    book = running(Clock())
    assert book.earlier_minutes == 1.5
    assert book.minutes == 0


def test_the_time_in_the_loop_is_what_tokens_a_second_are_of() -> None:
    clock = Clock()
    book = running(clock)
    clock.now = 50
    with book.training():
        clock.now = 60
    clock.now = 100
    assert book.enter(tokens=200).tokens_per_second == 20


def test_a_killed_process_loses_half_a_minute_of_its_book_at_most() -> None:
    clock = Clock()
    book = running(clock)
    book.goes_on_from(None)
    for clock.now in range(0, 100, 10):
        book.tick(clock.now)
    found = read_book(RECIPE.digest)
    assert found is not None
    assert found.seconds == found.optimizer_steps == 90


def test_a_book_that_cannot_be_written_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    book = running(Clock())
    Path("home").mkdir()
    book_of(RECIPE.digest).parent.write_text("a file, where a folder should be")
    for _ in range(2):
        book.enter()
    assert capsys.readouterr().err.count("warning: the book is not written") == 1


# --- energy --------------------------------------------------------------------------------------


def meter(clock: Clock, worked: Clock, powercap: Path, **more: Any) -> EnergyMeter:
    return EnergyMeter(powercap=powercap, clock=clock, processor_clock=worked, **more)


def test_without_any_counter_a_busy_core_takes_so_many_watts(tmp_path: Path) -> None:
    clock, worked = Clock(), Clock()
    one = meter(clock, worked, tmp_path / "none")
    clock.now, worked.now = 100, 150
    assert one.taken().joules == 150 * 3.5
    assert one.taken().source == "3.5 W a busy core"


def package(powercap: Path, name: str, microjoules: int) -> Path:
    folder = powercap / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "max_energy_range_uj").write_text("1000000000\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_rapl_counts_every_processor_once_and_begins_anew_at_its_end(tmp_path: Path) -> None:
    first, second = (package(tmp_path, f"intel-rapl:{i}", 999_000_000) for i in (0, 1))
    part = package(tmp_path, "intel-rapl:0:0", 0)
    one = meter(Clock(), Clock(), tmp_path)
    first.write_text("4000000")  # 5 J later
    second.write_text("999500000")  # half a joule later
    part.write_text("77000000")  # of the first one's, counted with it
    assert one.taken().joules == pytest.approx(5.5)
    assert one.taken().source.startswith("RAPL")


def test_a_gpus_power_is_read_every_few_seconds(tmp_path: Path) -> None:
    clock, read = Clock(), list[str]()

    def watts(gpu: str) -> float:
        read.append(gpu)
        return 300.0

    one = meter(clock, Clock(), tmp_path, gpu="GPU-1", gpu_watts=watts)
    for clock.now in range(61):
        one.tick()
    assert len(read) == 6
    clock.now = 65
    assert one.taken().joules == 300 * 65  # also what came after the last reading


def test_a_gpu_is_read_once_in_a_short_run_too(tmp_path: Path) -> None:
    clock = Clock()
    one = meter(clock, Clock(), tmp_path, gpu="GPU-1", gpu_watts=lambda _: 300.0)
    clock.now = 4
    assert one.taken() == Energy(1200, "nvidia-smi's power, the GPU alone")


def test_energy_is_unknown_where_nvidia_smi_never_answers(tmp_path: Path) -> None:
    clock, asked = Clock(), list[str]()
    one = meter(clock, Clock(), tmp_path, gpu="GPU-1", gpu_watts=asked.append)
    for clock.now in range(61):
        one.tick()
    assert len(asked) == 6
    energy = one.taken()
    book = TrainingBook(
        step="sft", recipe="a" * 64, joules=energy.joules, energy_source=energy.source
    )
    assert str(book).endswith(", energy unknown: nvidia-smi did not answer")


# --- the budget ----------------------------------------------------------------------------------


def test_steps_before_count_too() -> None:
    budget = Budget(10)
    assert not budget.spent(earlier=4, here=5.9)
    assert budget.spent(earlier=4, here=6)
    assert not Budget(None).spent(earlier=1e9, here=0)


def test_what_is_not_expected_to_fit_is_said_before_it_starts() -> None:
    budget = Budget(10)
    assert budget.too_little(earlier=0, estimate=9) is None
    assert budget.too_little(earlier=2, estimate=14) == (
        "about 14 min after 2.0 min of the steps before is more than the budget of 10 min: "
        "training will stop there, with a checkpoint; training.limits.minutes raises it"
    )


@pytest.mark.slow
def test_a_spent_budget_stops_with_a_checkpoint_and_more_of_it_goes_on(
    tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.kept.kept_run import KeptRun

    recipe = recipe_of(pinned(tiny_base))
    write_book(TrainingBook(step="sft", recipe=recipe.digest, seconds=8.3 * 60))
    spent = KeptRun("sft", recipe, LimitsParams(minutes=8.3))
    trainer = sft_trainer(tiny_base)
    with pytest.raises(IncumbentError, match=r"the budget of 8.3 min is spent after 8.") as told:
        spent.train(trainer)
    assert "there is no checkpoint yet: raise training.limits.minutes" in str(told.value)

    class Late(KeptRun):
        """Whose budget is spent at step 5."""

        def budget_spent(self) -> bool:
            return bool(late.state.global_step == 5)

    late = sft_trainer(tiny_base)
    with pytest.raises(IncumbentError, match="the checkpoint of step 5 is kept: raise"):
        Late("sft", recipe, LimitsParams(minutes=20)).train(late)
    more = sft_trainer(tiny_base)
    run = KeptRun("sft", recipe, LimitsParams(minutes=30))
    run.train(more)
    whole = sft_trainer(tiny_base)
    whole.train()
    assert trained(more) == trained(whole)
    run.done()
    said = capsys.readouterr().out
    assert "going on from the checkpoint of step 5 of 12" in said
    assert "trained sft: " in said
    book = read_book(recipe.digest)
    assert book is not None
    assert (book.finished, book.resumed, book.optimizer_steps) == (True, 1, 12)
    assert book.tokens > 0
    assert book.peak_bytes > 1e8
    assert not list(Path("home/checkpoints").glob("*/step*"))


# --- the estimate --------------------------------------------------------------------------------


def test_an_estimate_is_one_line_and_says_only_what_is_known() -> None:
    work = StepWork(
        examples=644, tokens=49_000, scored=9000, batches=322, longest=120, longest_scored=48
    )
    known = StepEstimate(work, 322, seconds=240, peak_bytes=2_040_109_466, price=0.75)
    assert str(known) == "49,000 tokens in 322 steps, about 4 min, 1.9 GiB, 0.05 in money"
    unknown = StepEstimate(work, 322, seconds=None, peak_bytes=None, price=0)
    assert str(unknown) == "49,000 tokens in 322 steps"


@pytest.mark.slow
def test_a_trainers_rows_are_counted_before_it_starts(tiny_base: Path) -> None:
    from training.cost.step_estimate import work_of

    trainer = sft_trainer(tiny_base)
    work, sequences = work_of(trainer)
    lengths = [len(row["input_ids"]) for row in trainer.train_dataset]
    assert (work.examples, work.tokens, work.batches) == (12, 2 * sum(lengths), 12)
    assert work.longest == max(lengths)
    assert 0 < work.scored < work.tokens
    assert sequences == 1
    trainer.train()
    assert trainer.state.num_input_tokens_seen in (0, work.tokens)
