"""Which of two answers is preferred: one interface, whoever judges."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BATCH = 32


class Judge(Protocol):
    def prefer(
        self, prompts: Sequence[str], champion: Sequence[str], challenger: Sequence[str]
    ) -> list[float | None]:
        """The chance, per item, that the challenger's answer is preferred; None: unjudged."""
        ...


class RewardModel:
    """A sequence classifier with one output, trained by stage `reward`."""

    def __init__(self, folder: Path) -> None:
        # What is too long loses the beginning of its prompt, not the answer that is judged.
        self.tokenizer = AutoTokenizer.from_pretrained(folder, truncation_side="left")
        self.model = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def prefer(
        self, prompts: Sequence[str], champion: Sequence[str], challenger: Sequence[str]
    ) -> list[float | None]:
        """Bradley–Terry: the logistic function of the difference of rewards."""
        gap = self.rewards(prompts, challenger) - self.rewards(prompts, champion)
        chances: list[float | None] = torch.sigmoid(gap.double()).tolist()
        return chances

    @torch.inference_mode()
    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor:
        """Rewards [n] of the answers. Each is scored in a batch fixed by the order given."""
        texts = [
            exchange(p, a, self.tokenizer.sep_token) for p, a in zip(prompts, answers, strict=True)
        ]
        rewards = []
        for i in range(0, len(texts), BATCH):
            inputs = self.tokenizer(
                texts[i : i + BATCH], padding=True, truncation=True, return_tensors="pt"
            )
            rewards.append(self.model(**inputs).logits[:, 0])
        return torch.cat(rewards)


def exchange(prompt: str, answer: str, separator: str) -> str:
    """A prompt and its answer as one text, as the reward model is trained on."""
    return f"{prompt}{separator}{answer}"
