"""The loss of a pass on learnt tokens alone: no logits for a prompt, and none that are kept."""

import functools
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

CHUNK_BYTES = 1 << 27  # of the logits that are computed at once, in float32


def add_completion_loss(model: PreTrainedModel) -> None:
    """Let `model(…, reads=…, targets=…)` give the sum of the loss on `targets`, and no logits.

    `reads` [t] are the places in the one sequence from which the ids in `targets` [t] are
    predicted. TRL gives a model its `fused_lm_head` in the same way; on a processor that one scores
    prompts too, and scores all once more on the way back.
    """
    plain = model.forward

    @functools.wraps(type(model).forward)
    def forward(
        self: PreTrainedModel,
        *args: Any,
        reads: Tensor | None = None,
        targets: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        if reads is None or targets is None:
            return plain(*args, **kwargs)
        states = self.base_model(*args, **kwargs).last_hidden_state[0].index_select(0, reads)
        head = self.get_output_embeddings()
        loss = CompletionLoss.apply(states, head.weight, head.bias, targets)  # type: ignore[no-untyped-call]
        return CausalLMOutput(loss=loss)

    model.forward = MethodType(forward, model)


class CompletionLoss(torch.autograd.Function):
    """The sum of -log softmax(states W' + bias)[target] over t states, in float32. W is frozen.

    The gradient is computed on the way forward, while the logits are there: softmax - one-hot.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> Tensor:
        total = states.new_zeros((), dtype=torch.float32)
        wanted = ctx.needs_input_grad[0]
        of_states = torch.empty_like(states) if wanted else None
        size = max(1, CHUNK_BYTES // (4 * len(weight)))
        for start in range(0, len(states), size):
            some = slice(start, start + size)
            logits = torch.nn.functional.linear(states[some], weight, bias).float()
            target = targets[some].unsqueeze(1)
            norm = logits.logsumexp(1, keepdim=True)
            total += (norm - logits.gather(1, target)).sum()
            if of_states is not None:
                logits.sub_(norm).exp_().scatter_add_(1, target, -torch.ones_like(norm))
                of_states[some] = logits.to(weight.dtype) @ weight
        ctx.save_for_backward(of_states)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (of_states,) = ctx.saved_tensors
        return of_states * gradients[0], None, None, None
