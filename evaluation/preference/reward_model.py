"""The reward model as a judge: a sequence classifier with one output, trained by stage `reward`."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from evaluation.preference.comparison import Comparison, Judgement

BATCH = 32


class RewardModel:
    source = "reward model"

    def __init__(self, folder: Path) -> None:
        # What is too long loses the beginning of its prompt, not the answer that is judged.
        self.tokenizer = AutoTokenizer.from_pretrained(folder, truncation_side="left")
        self.model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True
        ).eval()

    def prefer(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Bradley–Terry: the logistic function of the difference of rewards."""
        if not comparisons:
            return []
        prompts = [comparison.prompt for comparison in comparisons]
        challenger = self.rewards(prompts, [comparison.challenger for comparison in comparisons])
        champion = self.rewards(prompts, [comparison.champion for comparison in comparisons])
        won = torch.sigmoid((challenger - champion).double()).tolist()
        return [Judgement(win_probability=probability) for probability in won]

    @torch.inference_mode()
    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor:
        """Rewards [n] of the answers. Each is scored in a batch fixed by the order given."""
        separator = separator_of(self.tokenizer)
        texts = [exchange(p, a, separator) for p, a in zip(prompts, answers, strict=True)]
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


def separator_of(tokenizer: AutoTokenizer) -> str:
    """What stands between prompt and answer: a decoder's tokenizer has an end token only."""
    return str(tokenizer.sep_token or tokenizer.eos_token)
