"""In which precision a machine computes, and with which threads, is measured or set, and told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.errors import InputError
from registry.models import BaseChoice
from registry.params import load
from registry.processor import OURS, vectors
from registry.records import Numerics
from tests.conftest import ROOT
from training.precision import Machine, key, numerics, numerics_here, slowness, this_machine

OLD = Machine(
    processor="old", gpu=False, seconds={"float32": 0.01, "bfloat16": 0.2}, fastest="float32"
)
GPU = Machine(processor="a GPU", gpu=True, seconds={}, fastest="bfloat16")


@pytest.mark.parametrize(
    ("wanted", "machine", "chosen"),
    [
        ("auto", OLD, "float32"),
        ("auto", GPU, "bfloat16"),
        ("bfloat16", OLD, "bfloat16"),
        ("float16", GPU, "float16"),
    ],
)
def test_a_setting_wins_and_auto_takes_the_fastest(
    wanted: str, machine: Machine, chosen: str
) -> None:
    assert numerics(wanted, machine).precision == chosen
    assert numerics(wanted, machine).processor == machine.processor


def test_float16_without_a_gpu_is_refused_by_the_name_of_the_setting() -> None:
    with pytest.raises(InputError, match=r"params\.yaml: base\.precision: float16 needs a GPU"):
        numerics("float16", OLD)


def test_what_is_ten_times_slower_is_warned_about() -> None:
    slow = Numerics(precision="bfloat16", processor="old")
    assert "20 times slower than float32" in str(slowness(slow, OLD))
    assert slowness(slow.model_copy(update={"precision": "float32"}), OLD) is None
    assert slowness(slow, GPU) is None
    faster = OLD.model_copy(update={"seconds": {"float32": 0.03, "bfloat16": 0.2}})
    assert slowness(slow, faster) is None


def test_an_unknown_precision_is_refused_with_its_line() -> None:
    Path("params.yaml").write_text("base:\n  precision: bf16\n")
    with pytest.raises(InputError, match=r"params\.yaml:2: base\.precision"):
        load(BaseChoice, "base")


def test_a_machine_is_measured_once_and_another_one_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("params.yaml").write_text("")
    OLD.write(Path("home/machines") / f"{key()[:16]}.json")
    assert this_machine() == OLD
    assert str(numerics_here()) == "float32 on old"
    here = key()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX")
    assert key() != here


def test_the_fastest_is_the_one_that_took_least() -> None:
    machine = this_machine()
    assert machine == this_machine()
    if not machine.gpu:
        assert machine.seconds[machine.fastest] == min(machine.seconds.values())
        assert machine.seconds.keys() == {"float32", "bfloat16"}


def test_twice_the_tokens_take_twice_the_minutes() -> None:
    once = OLD.minutes("float32", weights=10**8, tokens=10**5, passes=2)
    assert once is not None
    assert OLD.minutes("float32", 10**8, 2 * 10**5, passes=2) == pytest.approx(2 * once)
    assert GPU.minutes("bfloat16", 10**8, 10**5, passes=2) is None


FLAGS = {"sse2", "avx2", "avx512f", "avx512_bf16"}


@pytest.mark.parametrize(
    ("flags", "caps", "found"),
    [
        (FLAGS, {}, "AVX512-BF16"),
        (FLAGS | {"amx_bf16"}, {}, "AMX"),
        (FLAGS, {"ATEN_CPU_CAPABILITY": "avx2"}, "AVX2"),
        (FLAGS, {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "AVX512"),
        ({"sse2", "avx2"}, {}, "AVX2"),
        ({"sse2"}, {"ATEN_CPU_CAPABILITY": "default"}, ""),
        ({"asimd"}, {}, ""),
    ],
)
def test_a_kind_of_processor_is_named_by_the_instructions_that_may_be_used(
    flags: set[str], caps: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in caps.items():
        monkeypatch.setenv(name, value)
    assert vectors(flags) == found


def settled(**given: str) -> dict[str, str]:
    """What a process chooses that is started with some variables."""
    code = """
import json, os
from registry.libraries import settle
settle()
print(json.dumps(dict(os.environ)))
"""
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", OURS)
    plain = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=plain | {"PYTHONPATH": str(ROOT)} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return {name: found[name] for name in names if name in found}


def test_all_cores_compute_and_wait_one_way_or_the_other() -> None:
    found = settled()
    assert int(found["OMP_NUM_THREADS"]) <= (os.cpu_count() or 1)
    assert ("OMP_WAIT_POLICY" in found) != ("GOMP_SPINCOUNT" in found)


def test_a_users_own_variables_win() -> None:
    found = settled(OMP_NUM_THREADS="3", OMP_WAIT_POLICY="ACTIVE")
    assert found == {"OMP_NUM_THREADS": "3", "OMP_WAIT_POLICY": "ACTIVE", OURS: ""}


def test_a_child_chooses_anew_what_its_parent_chose() -> None:
    parent = {"OMP_NUM_THREADS": "99", "GOMP_SPINCOUNT": "7", OURS: "OMP_NUM_THREADS"}
    found = settled(**parent)
    assert found["OMP_NUM_THREADS"] != "99"
    assert found["GOMP_SPINCOUNT"] == "7"
