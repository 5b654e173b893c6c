"""Attention within rows that are packed into one sequence: no row sees another one.

The linear layers of a model take the packed tokens as they are. Attention alone is about rows, so
it lays them out one beside the other, each with what it shares with others, and puts the result
back. No mask over all pairs of tokens is needed, which costs more the more rows there are.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.modeling_flash_attention_utils import _flash_attention_forward

from training.model.kernels import FLASH
from training.rows.packed_rows import PackedRows

NAME, VARLEN = "packed_rows", "packed_rows_varlen"
SHORT = 256  # tokens of a row up to which plain products beat the fused kernel of torch's CPU


@contextmanager
def attending_within_rows(model: PreTrainedModel) -> Iterator[None]:
    """Let a model attend within the rows that each pass is given as `packed_rows`.

    The backward pass belongs into the block: with gradient checkpointing it attends again.
    """
    before = model.config._attn_implementation
    model.config._attn_implementation = VARLEN if before == FLASH else NAME
    try:
        yield
    finally:
        model.config._attn_implementation = before


def row_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packed_rows: PackedRows,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in each layer, with tensors [1, heads, n, width].

    Raises ValueError for kinds of attention that it does not know.
    """
    refuse_unknown(attention_mask, others)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    longest = packed_rows.paths.shape[1]
    reach = min(sliding_window or longest, longest)
    if query.device.type == "cpu" and (longest <= SHORT or reach < longest):
        mixed = RowAttention.apply(  # type: ignore[no-untyped-call]
            query, key, value, packed_rows, scale, reach
        )
    else:
        mixed = fused_attention(query, key, value, packed_rows, scale, reach)
    return mixed.unsqueeze(0), None


def varlen_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packed_rows: PackedRows,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """The same by flash-attn: all rows one behind the other, none padded."""
    refuse_unknown(attention_mask, others)
    rows = packed_rows
    q, k, v = (
        SpreadRows.apply(tensor, rows).index_select(0, rows.filled)  # type: ignore[no-untyped-call]
        for tensor in (query, key, value)
    )  # [m, heads, width]
    mixed = flash_attention(q, k, v, rows, scaling, sliding_window)
    laid = mixed.new_zeros(rows.paths.numel(), *mixed.shape[1:]).index_copy(0, rows.filled, mixed)
    return laid.index_select(0, rows.homes).unsqueeze(0), None


AttentionInterface.register(NAME, row_attention)
AttentionInterface.register(VARLEN, varlen_attention)


# --- packed rows as a padded batch, and the kernels ---------------------------------------------


class RowAttention(torch.autograd.Function):
    """Softmax(Q K' · scale) V for each row, with the passes forward and backward spelled out.

    Heads that share keys and values (grouped-query attention: Ainslie et al. 2023, arXiv
    2305.13245) are multiplied together with them, and no keys are repeated.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        rows: PackedRows,
        scale: float,
        reach: int,
    ) -> Tensor:
        """[1, heads, n, width] to [n, heads, width]; a token sees `reach` tokens with itself."""
        groups = query.shape[1] // key.shape[1]
        q = laid_out(query, rows, groups).mul_(scale)
        k, v = laid_out(key, rows, 1), laid_out(value, rows, 1)
        count, longest = len(rows.paths), rows.paths.shape[1]
        scores = torch.bmm(q, k.transpose(1, 2)).view(-1, longest, longest)
        scores.add_(hidden_mask(longest, reach, scores))
        weights = torch.softmax(scores, dim=-1).view(q.shape[0], -1, longest)
        ctx.save_for_backward(q, k, v, weights)
        ctx.rows, ctx.scale, ctx.groups = rows, scale, groups
        return merge_heads(torch.bmm(weights, v), count, groups).index_select(0, rows.homes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        q, k, v, weights = ctx.saved_tensors
        rows, groups = ctx.rows, ctx.groups
        count, longest = len(rows.paths), rows.paths.shape[1]
        at_home = gradient.new_zeros(count * longest, *gradient.shape[1:])
        at_home.index_copy_(0, rows.homes, gradient)
        g = split_heads(at_home, count, groups)
        of_value = torch.bmm(weights.transpose(1, 2), g)
        of_weights = torch.bmm(g, v.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
        of_query = torch.bmm(of_scores, k).mul_(ctx.scale)
        of_key = torch.bmm(of_scores.transpose(1, 2), q)  # q is scaled already
        return (
            added_up(merge_heads(of_query, count, groups), rows),
            added_up(merge_heads(of_key, count, 1), rows),
            added_up(merge_heads(of_value, count, 1), rows),
            None,
            None,
            None,
        )


def laid_out(packed: Tensor, rows: PackedRows, groups: int) -> Tensor:
    """[1, heads, n, width] of packed tokens as [rows · heads / groups, groups · longest, width]."""
    return split_heads(spread(packed, rows), len(rows.paths), groups)


def spread(packed: Tensor, rows: PackedRows) -> Tensor:
    """[1, heads, n, width] of packed tokens as [rows · longest, heads, width]."""
    return packed[0].transpose(0, 1).index_select(0, rows.paths.flatten())


def split_heads(flat: Tensor, count: int, groups: int) -> Tensor:
    """[rows · longest, heads, width] as `laid_out` gives it."""
    width = flat.shape[-1]
    split = flat.view(count, -1, flat.shape[1] // groups, groups, width).permute(0, 2, 3, 1, 4)
    return split.reshape(count * split.shape[1], -1, width)


def merge_heads(laid: Tensor, count: int, groups: int) -> Tensor:
    """What `split_heads` split: [rows · longest, heads, width]."""
    width = laid.shape[-1]
    split = laid.view(count, laid.shape[0] // count, groups, -1, width).permute(0, 3, 1, 2, 4)
    return split.reshape(count * split.shape[1], -1, width)


def added_up(flat: Tensor, rows: PackedRows) -> Tensor:
    """[rows · longest, heads, width] as [1, heads, n, width]: a shared token gets all its rows'."""
    packed = flat.index_select(0, rows.homes)
    if len(rows.copies):
        packed.index_add_(0, rows.copied, flat.index_select(0, rows.copies))
    return packed.transpose(0, 1).unsqueeze(0)


def hidden_mask(longest: int, reach: int, like: Tensor) -> Tensor:
    """[longest, longest]: minus infinity where a token must not look, 0 elsewhere."""
    mask = like.new_full((longest, longest), -torch.inf).triu_(1)
    if reach < longest:
        mask += like.new_full((longest, longest), -torch.inf).tril_(-reach)
    return mask


class SpreadRows(torch.autograd.Function):
    """Packed tokens [1, heads, n, width] laid out as rows: [rows · longest, heads, width]."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, rows: PackedRows) -> Tensor:
        ctx.rows = rows
        return spread(packed, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return added_up(gradients[0], ctx.rows), None


def fused_attention(
    query: Tensor, key: Tensor, value: Tensor, rows: PackedRows, scale: float, reach: int
) -> Tensor:
    """The same by torch's fused kernel, which keeps no weights: for long rows, and on GPUs.

    Of the kernels for GPUs one alone shares keys among heads, and it is not for all cards; so
    there they are repeated.
    """
    count, longest = rows.paths.shape
    if query.device.type != "cpu":
        groups = query.shape[1] // key.shape[1]
        key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    q, k, v = (
        SpreadRows.apply(tensor, rows).unflatten(0, (count, -1)).transpose(1, 2)  # type: ignore[no-untyped-call]
        for tensor in (query, key, value)
    )  # [rows, heads, longest, width]
    mixed = scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=hidden_mask(longest, reach, q) if reach < longest else None,
        is_causal=reach == longest,
        scale=scale,
        enable_gqa=True,
    )
    return mixed.transpose(1, 2).flatten(0, 1).index_select(0, rows.homes)


def flash_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rows: PackedRows,
    scale: float | None,
    window: int | None,
) -> Tensor:
    """flash-attn on rows one behind the other, [m, heads, width] each, through transformers."""
    one_row = (tensor.unsqueeze(0) for tensor in (query, key, value))
    longest = rows.paths.shape[1]
    mixed: Tensor = _flash_attention_forward(
        *one_row,
        attention_mask=None,
        query_length=len(query),
        is_causal=True,
        softmax_scale=scale,
        sliding_window=window,
        cu_seq_lens_q=rows.ends,
        cu_seq_lens_k=rows.ends,
        max_length_q=longest,
        max_length_k=longest,
        attn_implementation=FLASH,
    )
    return mixed[0]


def refuse_unknown(attention_mask: Tensor | None, others: Mapping[str, Any]) -> None:
    """Raise ValueError for what packed rows cannot stand for."""
    kinds = ("dropout", "softcap", "s_aux", "position_bias")
    if attention_mask is not None or any(not_nothing(others.get(kind)) for kind in kinds):
        raise ValueError("packed rows know plain causal attention alone")


def not_nothing(value: object) -> bool:
    return isinstance(value, Tensor) or bool(value)
