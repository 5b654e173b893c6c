"""`incumbent plan --gpus`: how a base lies on several GPUs, what that takes, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sizing import NEAR, RUNS, memory_error, seconds
from incumbent.planning.on_machines import MachineGroup, lay, least_that_would, on_gpus, read_gpus
from incumbent.planning.row_lengths import RunSettings
from incumbent.planning.run_cost import Setup, run_minutes, trains
from incumbent.planning.run_plan import plan_run
from incumbent.planning.workload import Workload
from project.errors import InputError
from project.model_pins import BaseChoice
from project.records.adapters import Precision
from tests.conftest import ROOT
from tests.incumbent.tiny_project import printed_by
from training.cost.base_shape import SIZES, BaseShape
from training.cost.machines import GB, GPUS, Computing, KnownMachine
from training.cost.memory import Layout, StepSetup, StepWork, peak_on_each
from training.training_settings import AdapterParams, SftParams

COUNTS = (1, 2, 3, 4, 8)
LAYOUTS: tuple[Layout, ...] = ("ddp", "fsdp")
KINDS = {gpu.name: gpu for gpu in GPUS}


def wanted(size: str, precision: Precision | None = None, rows: int = 1200, **sft: Any) -> Setup:
    base = BaseChoice(model=size, precision=precision or "auto")
    adapter = AdapterParams(gradient_checkpointing=sft.pop("gradient_checkpointing", False))
    settings = RunSettings(base=base, adapter=adapter, sft=SftParams(**sft))
    return Setup(SIZES[size], settings, work(rows), KINDS["L4"].computing("auto"))


def group(name: str, count: int = 1) -> MachineGroup:
    return MachineGroup(KINDS[name], count)


def work(rows: int = 1200) -> Workload:
    step = StepWork(rows, 300 * rows, 50 * rows, rows // 4, longest=512, longest_scored=64)
    return Workload({"sft": step}, (), prompt=448, reference=64, sealed=0)


def minutes(name: str, count: int, rows: int = 1200, **sft: Any) -> float:
    """To train 8B on so many GPUs of a kind."""
    found = on_gpus(wanted("8B", rows=rows, **sft), group(name, count), {}).minutes
    assert found is not None
    return found.train


def step(shape: BaseShape = SIZES["70B"], **params: Any) -> StepSetup:
    return StepSetup(
        shape=shape,
        adapter=AdapterParams(dequantize_once=False),
        params=SftParams(**params),
        longest=512,
        longest_scored=64,
        on=Computing("bfloat16", 80 * GB, gpu=True),
    )


# --- the formula ---------------------------------------------------------------------------------


def test_a_share_of_llama_70b_by_hand() -> None:
    """Half a byte a weight of the layers, and two of embedding and head, by four; the scales of
    double quantisation, 0.127 bit a weight, whole on each.
    """
    shape = SIZES["70B"]
    embeddings = 2 * 128_256 * 8192
    by_hand = (shape.linear / 2 + 2 * embeddings) / 4 + shape.linear * 0.127 / 8
    peak = peak_on_each(step(), "fsdp", 4)
    assert peak.weights == pytest.approx(by_hand, rel=1e-6)
    assert peak.adapter == pytest.approx(4 * 2 * shape.lora(16) / 4, rel=1e-6)


def test_a_gpu_gathers_two_layers_the_embeddings_and_turns_one_matrix_back() -> None:
    shape = SIZES["70B"]
    layer = (shape.linear / 2 + 2 * shape.lora(16)) / 80
    embeddings, matrix = 2 * 2 * 128_256 * 8192, 2 * 8192 * 28_672
    by_hand = (2 * layer + embeddings) * 3 / 4 + matrix
    assert peak_on_each(step(), "fsdp", 4).gathered == pytest.approx(by_hand, rel=1e-6)


def test_a_copy_each_takes_what_one_gpu_does() -> None:
    assert (
        peak_on_each(step(), "ddp", 8)
        == peak_on_each(step(), "fsdp", 1)
        == peak_on_each(step(), "ddp", 1)
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_more_gpus_never_need_more_memory_each(size: str, layout: Layout) -> None:
    needs = [peak_on_each(step(SIZES[size]), layout, count).total for count in COUNTS[1:]]
    assert needs == sorted(needs, reverse=True)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_more_tokens_never_take_less_time_and_more_gpus_never_more(gpu: KnownMachine) -> None:
    small = {"batch_size": 8, "gradient_checkpointing": True}
    rows = [minutes(gpu.name, 8, rows, **small) for rows in (40, 400, 4000)]
    assert rows == sorted(set(rows))
    together = [minutes(gpu.name, count, **small) for count in (4, 8)]
    assert together[0] > together[1]


def test_nothing_is_told_of_time_in_float32() -> None:
    on = Computing("float32", 80 * GB, gpu=True)
    setup = Setup(SIZES["8B"], RunSettings(), work(), on)
    assert run_minutes(setup, KINDS["H100"].speed("float32")) is None


def test_published_runs_are_near_as_many_as_the_documentation_says() -> None:
    """Of those that no constant was fitted on."""
    held_out = [run for run in RUNS if not run.fit]
    memory = [error for run in held_out if (error := memory_error(run)) is not None]
    time = [seconds(run) / run.seconds - 1 for run in held_out]
    near = [sum(abs(error) <= NEAR for error in errors) for errors in (memory, time)]
    said = f"{near[0]} of {len(memory)} for memory and {near[1]} of {len(time)} for time"
    assert said in (ROOT / "docs" / "explain" / "scale.md").read_text()
    assert near[0] >= 6
    assert near[1] >= 6


# --- how a base lies -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "name", "count", "layout"),
    [
        ("8B", "H100", 2, "ddp"),
        ("8B", "L4", 2, "ddp"),  # a half of the batch each
        ("8B", "L4", 1, None),
        ("70B", "H100", 4, "ddp"),
        ("70B", "A100-80", 2, "fsdp"),
        ("70B", "RTX-4090", 2, None),
        ("32B", "T4", 8, None),  # float16: a copy each, or not at all
    ],
    ids=str,
)
def test_a_copy_where_it_fits_else_shares_else_nothing(
    size: str, name: str, count: int, layout: Layout | None
) -> None:
    laid = lay(wanted(size), group(name, count))
    assert (laid.layout if trains(laid) else None) == layout


def test_what_is_told_to_fit_instead_does() -> None:
    found = least_that_would(wanted("70B"), group("L4"))
    assert found
    assert all(trains(lay(wanted("70B"), one)) for one in found)


def test_a_refusal_says_what_it_takes_and_what_would_do() -> None:
    with pytest.raises(InputError) as refused:
        on_gpus(wanted("8B"), group("L4"), {})
    said = str(refused.value)
    assert said.startswith("--gpus: 8B does not train on one L4: it takes ")
    assert "of 24 GB on each" in said
    assert "it would with training.adapter.gradient_checkpointing: true, or on " in said
    on_gpus(wanted("8B", gradient_checkpointing=True), group("L4"), {})


def test_where_nothing_known_here_fits_it_says_so() -> None:
    huge = BaseShape(65_536, 200, 262_144, 128_256, 512, 8, 128, tied=False)
    setup = Setup(huge, RunSettings(), work(), KINDS["T4"].computing("auto"))
    with pytest.raises(InputError, match="nothing here would"):
        on_gpus(setup, group("T4"), {})


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name", "count", "sold"),
    [("H100", "H100", 1, 1), ("h100:4", "H100", 4, 4), ("rtx 4090:3", "RTX-4090", 3, 4)],
)
def test_a_group_is_read_as_it_is_written(given: str, name: str, count: int, sold: int) -> None:
    (found,) = read_gpus([given])
    assert (found.machine.name, found.count, found.sold) == (name, count, sold)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("H2", "'H2' is no GPU that is known here; there are T4, L4, .* MI300X"),
        ("CPU-8", "'CPU-8' is no GPU"),
        ("H100:", "'H100:' names no count: write it such as H100:4"),
        ("H100:0", "names no count"),
        ("H100:-2", "names no count"),
        ("H100:four", "names no count"),
        ("H100:16", "more GPUs than a machine has: at most 8 are sold together"),
    ],
)
def test_a_wrong_group_is_refused(given: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"--gpus: .*{problem}"):
        read_gpus([given])


@pytest.fixture
def project() -> None:
    Path("params.yaml").write_text(
        "training: {sft: {epochs: 3, rows: 1200}}\ncuration: {curate: {dev: 100, sealed: 200}}\n"
    )


def planned(*arguments: str, code: int = 0) -> str:
    return printed_by("plan", *arguments, code=code)


@pytest.mark.usefixtures("project")
def test_it_prints_what_training_takes_on_each_and_together() -> None:
    printed = planned("--base", "70b", "--gpus", "A100-40:4", "--price", "A100-40=2")
    _, _, found = printed.partition("\n\n")
    assert found == GOLDEN


GOLDEN = (
    "the whole run elsewhere, roughly, and the largest base for it\n"
    "             training  answering  fits    minutes  money  trains  and answers\n"
    "4 × A100-40      19.9       37.9  trains       24   3.20     70B          32B\n"
    "training and answering: GB at the peak; trains: in NF4\n"
    "--price L4=0.8\n"
    "\n"
    "4 × A100-40\n"
    "  a share of the base on each, a layer gathered at a time (FSDP-QLoRA)\n"
    "  answering does not fit, and is not counted; a server can answer: "
    "docs/how-to/backends-and-experiments.md\n"
    "  set training.distributed: {processes: 4, sharding: fsdp}\n"
    "\n"
    "assumed\n"
    "  no rows yet: the limits of params.yaml, and 80 tokens a row\n"
)


@pytest.mark.usefixtures("project")
def test_a_batch_that_cannot_be_dealt_out_and_a_step_of_one_gpu_are_told() -> None:
    Path("params.yaml").write_text("training: {sft: {batch_size: 6}, dpo: {epochs: 1}}\n")
    printed = planned("--base", "7b", "--gpus", "H100:4")
    assert "cannot be dealt out evenly to 4 GPUs: training.sft.batch_size: 6\n" in printed
    assert "by one GPU alone: dpo\n" in printed


@pytest.mark.usefixtures("project")
def test_json_has_the_parts_and_their_sum() -> None:
    plan = json.loads(planned("--json", "--base", "70B", "--gpus", "A100-80:3"))
    assert (plan["here"], plan["others"]) == (None, [])
    (found,) = plan["gpus"]
    training = dict(found["training"])
    assert training.pop("total") == sum(training.values())
    assert (found["count"], found["sold"], found["listed"]) == (3, 4, True)
    assert found["money"] == pytest.approx(found["minutes"]["total"] / 60 * 2.5 * 4)


@pytest.mark.usefixtures("project")
def test_what_does_not_fit_is_a_wrong_input() -> None:
    assert "does not train on one L4" in planned("--base", "70B", "--gpus", "L4", code=2)


def test_a_base_that_is_not_here_has_no_size_to_plan_with() -> None:
    Path("params.yaml").write_text("base: {model: somebody/something}\n")
    with pytest.raises(InputError, match=r"--gpus: the base: .*; --base 7B names a size instead"):
        plan_run(gpus=read_gpus(["H100:2"]))
