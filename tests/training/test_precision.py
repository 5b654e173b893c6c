"""In which precision a machine computes, and with which threads, is measured or set, and told."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest
import torch

from project import libraries
from project.errors import InputError
from project.libraries import CHOICES, described, processor_kind
from project.model_pins import BaseChoice
from project.records.adapters import Numerics
from project.settings import load
from tests.conftest import ROOT
from training import precision
from training.precision import (
    Machine,
    choose_numerics,
    fingerprint,
    look_at_machine,
    measure_machine,
    numerics,
    slowness,
    time_once,
)

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
    told = r"params\.yaml:2: base\.precision: must be 'auto', 'float32', 'bfloat16' or"
    with pytest.raises(InputError, match=told):
        load(BaseChoice)


def test_a_machine_is_measured_once_and_another_one_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("params.yaml").write_text("")
    OLD.write(Path("home/machines") / f"{fingerprint()[:16]}.json")
    assert measure_machine() == OLD
    assert str(choose_numerics()) == "float32 on old"
    here = fingerprint()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX")
    assert fingerprint() != here


@pytest.mark.parametrize(("bfloat16", "fastest"), [(0.1, "bfloat16"), (0.3, "float32")])
def test_the_fastest_is_the_one_that_took_least(
    bfloat16: float, fastest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {"float32": 0.2, "bfloat16": bfloat16}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "time_products", lambda _: taken)
    assert look_at_machine().fastest == fastest


def test_what_other_programs_take_of_the_cores_is_not_in_a_measurement() -> None:
    """On a busy machine float32 was measured as the fastest where bfloat16 is, and kept."""
    assert time_once(lambda: sleep(0.2)) < 0.1


def test_products_of_every_shape_take_time() -> None:
    found = precision.time_products({"float32": torch.float32, "bfloat16": torch.bfloat16})
    assert found.keys() == {"float32", "bfloat16"}
    assert all(0 < seconds < 60 for seconds in found.values())


@pytest.mark.parametrize(
    ("cpuinfo", "found"),
    [
        (
            "vendor_id\t: AuthenticAMD\nflags\t\t: sse2 avx2 avx512f avx512_bf16\n",
            "AMD .*AVX512-BF16",
        ),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: sse2 avx2\n", "AMD .* AVX2"),
        ("vendor_id\t: GenuineIntel\nflags\t\t: avx2 avx512f amx_bf16\n", "Intel .* AMX"),
        ("Features\t: fp asimd sve\n", r"\w+ SVE"),
        ("", r"\w+ \w+"),
    ],
)
def test_a_processor_is_described_by_maker_and_widest_instructions(
    cpuinfo: str, found: str
) -> None:
    assert re.fullmatch(found, described(cpuinfo))


def test_a_processor_that_passes_for_an_older_one_is_another_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = processor_kind()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "an older one")
    assert processor_kind() != here
    assert "ATEN_CPU_CAPABILITY=an older one" in processor_kind()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "50000 100000", "memory.max": "1048576"}, (1, 1 << 20)),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, (1, None)),
        ({"cpu.max": "max 100000", "memory.max": "max"}, (None, None)),
        ({"cpu/cpu.cfs_quota_us": "-1"}, (None, None)),
    ],
)
def test_a_containers_share_counts(
    files: dict[str, str],
    expected: tuple[int | None, int | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = libraries.cores(), libraries.memory()
    monkeypatch.setattr(libraries, "CGROUP", tmp_path)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = libraries.cores(), libraries.memory()
    if expected == (None, None):
        assert found >= whole
    else:
        assert found[0] == expected[0]
        assert expected[1] is None or found[1] == expected[1]


def settled(**given: str) -> dict[str, str]:
    """What a process chooses that is started with some variables."""
    code = """
import json, os
from project.libraries import settle
settle()
print(json.dumps(dict(os.environ)))
"""
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", CHOICES)
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
    assert found == {"OMP_NUM_THREADS": "3", "OMP_WAIT_POLICY": "ACTIVE", CHOICES: ""}


def test_a_child_chooses_anew_what_its_parent_chose() -> None:
    parent = {"OMP_NUM_THREADS": "99", "GOMP_SPINCOUNT": "7"}
    found = settled(**parent, **{CHOICES: "OMP_NUM_THREADS=99 GOMP_SPINCOUNT=3000"})
    assert found["OMP_NUM_THREADS"] != "99"
    assert found["GOMP_SPINCOUNT"] == "7"  # a user has changed it since
