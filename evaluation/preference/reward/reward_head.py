"""A small head over the frozen embedder; untrained, its reward is ten times the cosine of prompt
and answer.

reward = α · 10 cosine(prompt, answer) + β · 3 [the answer ends as a sentence does] + w · 10 answer
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from evaluation.preference.reward.exchange_vectors import ExchangeVectors, finished

# So that one step of training moves all of them alike, and rewards are of the size of log-odds.
COSINES, ENDINGS, ANSWERS = 10.0, 3.0, 10.0


class RewardHeadConfig(PreTrainedConfig):
    model_type = "reward-head"

    def __init__(self, width: int = 384, frozen: bool = False, **others: Any) -> None:
        super().__init__(num_labels=1, **others)
        self.width = width  # of the embedder's vectors
        self.frozen = frozen  # the cosine alone judges: nothing that was learnt did better


class RewardHead(PreTrainedModel):
    """Reads exchanges as features [n, 2 + width]; `exchanges` gives each a number in training, as
    the trainer hands over numbers of tokens.
    """

    config_class = RewardHeadConfig
    base_model_prefix = "head"

    def __init__(self, config: RewardHeadConfig, exchanges: Tensor | None = None) -> None:
        super().__init__(config)
        self.exchanges = exchanges
        self.fit = nn.Linear(2, 1, bias=False)  # of the cosine, and of the answer's end
        self.style = nn.Linear(config.width, 1, bias=False)  # of the answer's vector
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.weight)
        if module is self.fit:
            nn.init.ones_(module.weight[:, 0])

    def reward(self, features: Tensor) -> Tensor:
        """[n] of features [n, 2 + width]."""
        found: Tensor = self.fit(features[:, :2]) + self.style(features[:, 2:])
        return found[:, 0]

    def forward(self, input_ids: Tensor, **_: Any) -> SequenceClassifierOutput:
        """Of exchanges by their numbers [n, 1], as in training."""
        if self.exchanges is None:
            raise ValueError("a head that is not in training reads features")
        rewards = self.reward(self.exchanges[input_ids[:, 0]])
        return SequenceClassifierOutput(logits=rewards[:, None])


def features(vectors: ExchangeVectors, prompts: Sequence[str], answers: Sequence[str]) -> Tensor:
    """[n, 2 + width] of exchanges."""
    ends = torch.tensor([float(finished(answer)) for answer in answers])
    near = vectors.cosines(prompts, answers)
    parts = (COSINES * near[:, None], ENDINGS * ends[:, None], ANSWERS * vectors.answers(answers))
    return torch.cat(parts, dim=1)
