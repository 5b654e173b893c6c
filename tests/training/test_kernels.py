"""Which kernels a base is trained with, by the card and by what is installed."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close

from project.errors import InputError
from project.gpu import Card
from tests.conftest import ROOT
from tests.project.test_gpu import A10, A100, H100, L4, MI300X, P100, RTX_4090, T4, V100
from tests.training.test_packing import ROWS
from training.model import row_attention as kernels
from training.model.kernels import FLASH, attention_kernel, refuse_liger
from training.model.row_attention import fused_attention, row_attention, varlen_attention
from training.rows.packed_rows import PackedRows, pack


@pytest.mark.parametrize(
    "one", [A10, A100, H100, L4, RTX_4090, MI300X], ids=lambda one: str(one.name)
)
def test_flash_attention_is_taken_where_it_is_installed_and_computes(one: Card) -> None:
    assert attention_kernel(one, "bfloat16", installed=True) == FLASH
    assert attention_kernel(one, "bfloat16", installed=False) is None
    assert attention_kernel(one, "float32", installed=True) is None


@pytest.mark.parametrize("one", [T4, V100, None], ids=str)
def test_older_cards_and_processors_attend_with_torchs_kernels(one: Card | None) -> None:
    assert attention_kernel(one, "float16", installed=True) is None


def test_liger_is_refused_without_a_gpu_without_itself_and_for_models_it_does_not_know() -> None:
    refuse_liger("llama", A100, {"llama"})
    for kind, one, known, told in (
        ("llama", None, {"llama"}, "needs a GPU"),
        ("llama", A100, None, r"not installed: pip install 'incumbent\[liger\]"),
        ("bloom", A100, {"llama"}, "no kernels for a model of kind bloom"),
    ):
        with pytest.raises(InputError, match=rf"training\.adapter\.kernels: .*{told}"):
            refuse_liger(kind, one, known)


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("Tesla P100", P100),
        ("Tesla V100", V100),
        ("Tesla T4", T4),
        ("A100", A100),
        ("A10G", A10),
        ("L4, RTX 4090", L4),
        ("L4, RTX 4090", RTX_4090),
        ("H100", H100),
        (r"MI300X \(ROCm\)", MI300X),
    ],
)
def test_the_documentation_says_of_each_card_what_is_chosen(name: str, one: Card) -> None:
    row = re.search(
        rf"^\| {name} \| (.*) \|$", (ROOT / "docs/how-to/hardware.md").read_text(), re.MULTILINE
    )
    assert row
    capability, precision, attention = row[1].split(" | ")
    flash = attention_kernel(one, one.fastest, installed=True) == FLASH
    assert capability in (".".join(map(str, one.capability)), "gfx942")
    assert precision == one.fastest
    assert attention.partition(" build")[0] == ("flash-attn's" if flash else "torch's")


# --- test row kernels -----------------------------------------------------------------------------

# Rows attend alike whichever kernel computes it: plain products, torch's fused one, flash-attn.

ROWS_OF_FOUR_HEADS = (1, 4, 15, 8)  # [1, heads, n, width] of the packed rows


def flash_attn_as_documented(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    attention_mask: None,
    query_length: int,
    is_causal: bool,
    softmax_scale: float | None,
    sliding_window: int | None,
    cu_seq_lens_q: Tensor,
    cu_seq_lens_k: Tensor,
    max_length_q: int,
    max_length_k: int,
    attn_implementation: str,
) -> Tensor:
    """What transformers' way to flash-attn promises, [1, m, heads, width], sequence by sequence.

    flash-attn itself runs on a GPU alone: tests/gpu.
    """
    assert (is_causal, query_length, attn_implementation) == (True, query.shape[1], FLASH)
    assert torch.equal(cu_seq_lens_q, cu_seq_lens_k)
    ends = cu_seq_lens_q.tolist()
    lengths = [b - a for a, b in pairwise(ends)]
    assert (cu_seq_lens_q.dtype, max_length_q, max_length_k) == (torch.int32, *[max(lengths)] * 2)
    parts = []
    for one in zip(*(whole[0].split(lengths) for whole in (query, key, value)), strict=True):
        q, k, v = (part.transpose(0, 1) for part in one)
        seen = torch.ones(q.shape[1], q.shape[1], dtype=torch.bool).tril()
        if sliding_window:
            seen = seen.triu(1 - sliding_window)
        parts.append(
            scaled_dot_product_attention(
                q, k, v, attn_mask=seen, scale=softmax_scale, enable_gqa=True
            ).transpose(0, 1)
        )
    return torch.cat(parts).unsqueeze(0)


def attended(
    attend: Callable[..., Tensor], rows: PackedRows, *, shared: int
) -> tuple[Tensor, list[Tensor]]:
    """The result on random tensors, of which `shared` heads share a key, and their gradients."""
    torch.manual_seed(0)
    one, heads, n, width = ROWS_OF_FOUR_HEADS
    assert n == len(rows)
    shapes = [ROWS_OF_FOUR_HEADS, *[(one, heads // shared, n, width)] * 2]
    given = [torch.randn(shape, requires_grad=True) for shape in shapes]
    found = attend(*given)
    (found * torch.randn(found.shape)).sum().backward()
    return found.detach(), [one.grad for one in given if one.grad is not None]


@pytest.mark.parametrize("window", [None, 3], ids=["all", "a window"])
@pytest.mark.parametrize("shared", [1, 2])
@pytest.mark.parametrize("kernel", ["fused", "flash-attn"])
def test_each_kernel_gives_what_plain_products_give(
    kernel: str, shared: int, window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_flash_attention_forward", flash_attn_as_documented)
    rows = pack(ROWS)
    longest = rows.paths.shape[1]

    def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return row_attention(None, q, k, v, None, packed_rows=rows, sliding_window=window)[0][0]  # type: ignore[arg-type]

    def other(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if kernel == "fused":
            return fused_attention(q, k, v, rows, q.shape[-1] ** -0.5, window or longest)
        given: dict[str, Any] = {"packed_rows": rows, "sliding_window": window}
        return varlen_attention(None, q, k, v, None, **given)[0][0]  # type: ignore[arg-type]

    expected, of_expected = attended(plain, rows, shared=shared)
    found, of_found = attended(other, rows, shared=shared)
    assert_close(found, expected)
    for one, wanted in zip(of_found, of_expected, strict=True):
        assert_close(one, wanted)


def test_attention_that_packed_rows_cannot_stand_for_is_refused() -> None:
    q = torch.zeros(ROWS_OF_FOUR_HEADS)
    for odd in ({"softcap": 30.0}, {"dropout": 0.1}, {"s_aux": torch.zeros(4)}):
        for kernel in (row_attention, varlen_attention):
            with pytest.raises(ValueError, match="plain causal attention alone"):
                kernel(None, q, q, q, None, packed_rows=pack(ROWS), **odd)  # type: ignore[arg-type]
