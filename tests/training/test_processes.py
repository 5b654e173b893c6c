"""Who takes a step, how a batch is dealt out to several, and what each of them is told."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from incumbent.pipeline import module_of
from project.errors import InputError
from training.processes.accelerate_config import (
    DistributedParams,
    Sharding,
    deepspeed_config,
    fsdp_config,
    refuse_uneven,
    sharding_environment,
)
from training.processes.group import agreed, draw_own_dropout, is_first, is_sharded, summed, world
from training.processes.step_processes import processes_of, refuse_misfit, start_elsewhere
from training.processes.worker import module_of_step
from training.recipe import STEPS
from training.training_settings import SftParams

EACH_GPU = DistributedParams(processes="gpus")


def test_a_process_that_trains_alone_writes_and_asks_nobody() -> None:
    assert (world(), is_first(), agreed("mine"), summed(1.5, 2)) == (1, True, "mine", (1.5, 2))
    draw_own_dropout(seed=0, step=3)
    assert not is_sharded()


@pytest.mark.parametrize(
    ("step", "params", "gpus", "processes"),
    [
        ("sft", DistributedParams(), 4, 1),
        ("sft", EACH_GPU, 4, 4),
        ("sft", EACH_GPU, 0, 1),
        ("domain", DistributedParams(processes=2), 0, 2),
        ("sft", DistributedParams(processes=2), 4, 2),
        ("dpo", EACH_GPU, 4, 1),
        ("kto", EACH_GPU, 4, 1),
    ],
    ids=["none", "for each GPU", "no GPU", "without GPUs", "fewer", "dpo", "kto"],
)
def test_a_process_is_started_for_each_gpu_or_as_many_as_said(
    step: Any, params: DistributedParams, gpus: int, processes: int
) -> None:
    """training.distributed.processes"""
    assert processes_of(step, params, gpus) == processes


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_runs_what_the_steps_stage_runs(step: str) -> None:
    assert module_of_step(step) == module_of(step)


@pytest.mark.parametrize(
    ("changes", "processes", "gpus", "problem"),
    [
        ({"sharding": "fsdp"}, 2, 0, "sharding: fsdp needs GPUs, and there is none here"),
        ({}, 8, 4, "processes: 8 processes, and this machine has 4 GPUs"),
        ({"sharding": "zero3"}, 4, 4, r"not installed: pip install 'incumbent\[deepspeed\]"),
    ],
    ids=["no GPU to shard on", "too few GPUs", "no deepspeed"],
)
def test_what_this_machine_cannot_do_is_bad_input(
    changes: dict[str, Any],
    processes: int,
    gpus: int,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.processes.step_processes.find_spec", lambda _: None)
    with pytest.raises(InputError, match=f"params.yaml: training.distributed.*{problem}"):
        refuse_misfit(EACH_GPU.model_copy(update=changes), processes, gpus)


def test_on_ray_too_weights_are_shared_out_among_gpus_alone() -> None:
    params = {"engine": "ray", "training": {"distributed": {"sharding": "fsdp"}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(InputError, match=r"sharding: fsdp needs GPUs.*ray\.gpus_per_worker"):
        start_elsewhere("sft", SftParams())


def test_a_batch_that_cannot_be_dealt_out_evenly_is_bad_input() -> None:
    refuse_uneven(SftParams(batch_size=4), 2)
    problem = "training.sft.batch_size: a batch of 4 cannot be dealt out evenly to 3 processes"
    with pytest.raises(InputError, match=problem):
        refuse_uneven(SftParams(batch_size=4), 3)


@pytest.mark.slow  # it loads torch
@pytest.mark.parametrize("rows", [8, 5, 1])
def test_every_row_of_a_batch_is_learnt_by_one_process(rows: int) -> None:
    from training.processes.batch_shares import share_of

    batch = list(range(rows))
    shares = [share_of(batch, number, 4) for number in range(4)]
    assert sorted(chain(*shares)) == batch
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


# --- accelerate's configuration, read by accelerate -----------------------------------------------


KINDS = {"ddp": "MULTI_GPU", "fsdp": "FSDP", "zero3": "DEEPSPEED"}


def accelerate_config(sharding: Sharding, processes: int, deepspeed_file: str) -> dict[str, Any]:
    """What `accelerate launch --config_file` reads."""
    config: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": KINDS[sharding],
        "num_machines": 1,
        "machine_rank": 0,
        "num_processes": processes,
        "main_process_ip": "127.0.0.1",
        "main_process_port": 0,
        "mixed_precision": "no",
        "use_cpu": False,
    }
    if sharding == "fsdp":
        config["fsdp_config"] = fsdp_config()
    if sharding == "zero3":
        config["deepspeed_config"] = {
            "deepspeed_config_file": deepspeed_file,
            "zero3_init_flag": True,
        }
    return config


@pytest.mark.slow  # it loads torch
@pytest.mark.parametrize("sharding", ["ddp", "fsdp", "zero3"])
def test_accelerate_itself_tells_its_processes_what_we_tell_those_of_torchrun(
    sharding: Any, tmp_path: Path
) -> None:
    """training.distributed.sharding"""
    from accelerate.commands import launch
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    file, deepspeed = tmp_path / "accelerate.yaml", str(tmp_path / "deepspeed.json")
    Path(deepspeed).write_text(json.dumps(deepspeed_config()))
    file.write_text(yaml.safe_dump(accelerate_config(sharding, 4, deepspeed)))
    given = ["--config_file", str(file), "--no_python", "python"]
    args, *_ = launch._validate_launch_command(launch.launch_command_parser().parse_args(given))
    if sharding == "zero3":
        args.deepspeed_fields_from_accelerate_config = ""
        told = prepare_deepspeed_cmd_env(args)[1]
    else:
        told = prepare_multi_gpu_env(args)
    assert (args.num_processes, args.use_fsdp, args.use_deepspeed) == (
        4,
        sharding == "fsdp",
        sharding == "zero3",
    )
    ours = sharding_environment(sharding, deepspeed)
    assert {name: told[name] for name in ours} == ours


@pytest.mark.slow  # it loads torch
def test_fsdp_is_as_qlora_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.utils import FullyShardedDataParallelPlugin

    for name, value in sharding_environment("fsdp", "").items():
        monkeypatch.setenv(name, value)
    plugin = FullyShardedDataParallelPlugin()
    assert is_sharded()
    assert (plugin.fsdp_version, plugin.reshard_after_forward) == (2, True)
    assert plugin.cpu_ram_efficient_loading
    assert not plugin.activation_checkpointing
    assert plugin.auto_wrap_policy is not None


@pytest.mark.slow  # it loads torch
def test_deepspeeds_configuration_is_zero_3_without_offload() -> None:
    from accelerate.utils.deepspeed import HfDeepSpeedConfig

    config = HfDeepSpeedConfig(deepspeed_config())
    assert config.is_zero3()
    assert not config.is_offload()
