"""The reward model as a judge, which stage `reward` trained: a head over the frozen embedder, or a
user's own classifier with one output.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from evaluation.preference.comparison import Comparison, Judgement
from evaluation.preference.reward.exchange_vectors import ExchangeVectors
from evaluation.preference.reward.reward_head import RewardHead, RewardHeadConfig, features
from project.gpu import card_here, device_of
from project.unicode_words import words

BATCH = 32
EMBEDDER = "embedder"  # the folder of the embedder that a head was trained on


class Rewarding(Protocol):
    source: str  # as people read it

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor: ...


class RewardModel:
    """What lies in a folder of stage `reward`, or in one that was kept. `vectors` are those of its
    embedder, where some are known already.
    """

    def __init__(self, folder: Path, vectors: ExchangeVectors | None = None) -> None:
        kind = json.loads((folder / "config.json").read_bytes()).get("model_type")
        head = kind == RewardHeadConfig.model_type
        self.model: Rewarding = HeadOnEmbedder(folder, vectors) if head else Classifier(folder)
        self.source = self.model.source

    def prefer(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Bradley–Terry: the logistic function of the difference of rewards. An answer without a
        word loses to one that has some.
        """
        if not comparisons:
            return []
        prompts = [comparison.prompt for comparison in comparisons]
        challenger = self.rewards(prompts, [comparison.challenger for comparison in comparisons])
        champion = self.rewards(prompts, [comparison.champion for comparison in comparisons])
        won = torch.sigmoid((challenger - champion).double()).tolist()
        return [
            Judgement(win_probability=says_something(one, probability))
            for one, probability in zip(comparisons, won, strict=True)
        ]

    @torch.inference_mode()
    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor:
        """Rewards [n] of the answers. Each is scored in a batch fixed by the order given."""
        return self.model.rewards(prompts, answers)


def says_something(one: Comparison, probability: float) -> float:
    """The challenger's win probability, where one side alone has words: 1 or 0."""
    ours, theirs = bool(words(one.challenger)), bool(words(one.champion))
    return probability if ours == theirs else float(ours)


class HeadOnEmbedder:
    def __init__(self, folder: Path, vectors: ExchangeVectors | None = None) -> None:
        self.head = RewardHead.from_pretrained(folder, use_safetensors=True).eval()
        self.vectors = vectors or ExchangeVectors(folder / EMBEDDER)
        self.source = "frozen cosine" if self.head.config.frozen else "reward model"

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor:
        found: torch.Tensor = self.head.reward(features(self.vectors, prompts, answers))
        return found


class Classifier:
    source = "reward model"

    def __init__(self, folder: Path) -> None:
        # What is too long loses the beginning of its prompt, not the answer that is judged.
        self.tokenizer = AutoTokenizer.from_pretrained(folder, truncation_side="left")
        self.model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True
        )
        self.model.eval().to(device_of(card_here(torch)))

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor:
        separator = separator_of(self.tokenizer)
        texts = [exchange(p, a, separator) for p, a in zip(prompts, answers, strict=True)]
        rewards = []
        for i in range(0, len(texts), BATCH):
            inputs = self.tokenizer(
                texts[i : i + BATCH], padding=True, truncation=True, return_tensors="pt"
            ).to(self.model.device)
            rewards.append(self.model(**inputs).logits[:, 0].cpu())
        return torch.cat(rewards)


def exchange(prompt: str, answer: str, separator: str) -> str:
    """A prompt and its answer as one text, as a classifier is trained on."""
    return f"{prompt}{separator}{answer}"


def separator_of(tokenizer: AutoTokenizer) -> str:
    """What stands between prompt and answer: a decoder's tokenizer has an end token only."""
    return str(tokenizer.sep_token or tokenizer.eos_token)
