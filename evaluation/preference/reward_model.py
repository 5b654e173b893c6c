"""The reward model: vectors of exchanges, and what is learnt on them."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from evaluation.preference.preference_pairs import AnswerPair, Judgement
from project.gpu import card_here, device_of
from project.unicode_words import words

# --- exchange vectors -----------------------------------------------------------------------------

# Questions and answers as vectors of the frozen embedder: what a reward is computed from.

ENDS = (".", "!", "?", ":", ";", ")", "]", "}", '"', "'", "`", "”", "’", "»", "…", "。", "！", "？")


class ExchangeVectors:
    """Texts as unit vectors; a text is embedded once. `folder` holds a sentence-transformers
    model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[tuple[str, str], Tensor] = {}

    @cached_property
    def model(self) -> Any:
        # Imported here because it takes seconds, and texts may all be known.
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.folder))

    def prompts(self, texts: Sequence[str]) -> Tensor:
        """[n, d]. One that is too long loses its beginning: the question stands at its end."""
        return self.vectors(texts, cut="left")

    def answers(self, texts: Sequence[str]) -> Tensor:
        """[n, d]. One that is too long loses its end."""
        return self.vectors(texts, cut="right")

    def vectors(self, texts: Sequence[str], cut: str) -> Tensor:
        new = [text for text in dict.fromkeys(texts) if (cut, text) not in self.known]
        if new:
            if hasattr(self.model.tokenizer, "truncation_side"):
                self.model.tokenizer.truncation_side = cut
            options = {"normalize_embeddings": True, "show_progress_bar": False}
            encoded = self.model.encode(new, convert_to_tensor=True, **options).float().cpu()
            # Copied out of inference mode, so that a head can be trained on them.
            rows = (row.clone() for row in encoded)
            self.known |= {(cut, text): row for text, row in zip(new, rows, strict=True)}
        return torch.stack([self.known[cut, text] for text in texts])

    def cosines(self, prompts: Sequence[str], answers: Sequence[str]) -> Tensor:
        """[n]: how near each answer is to its prompt."""
        return (self.prompts(prompts) * self.answers(answers)).sum(-1)


def finished(answer: str) -> bool:
    """Whether a text ends as a sentence or a piece of code does."""
    return answer.rstrip().endswith(ENDS)


# --- frozen cosine --------------------------------------------------------------------------------

# The rival that was taught nothing: how near an answer lies to its question.


class FrozenCosine:
    source = "frozen cosine"

    def __init__(self, vectors: ExchangeVectors) -> None:
        self.vectors = vectors

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        """A sure judgement for the answer that is nearer to the prompt; equal vectors are a tie."""
        if not comparisons:
            return []
        prompts = [comparison.question for comparison in comparisons]
        ours = self.vectors.cosines(prompts, [comparison.champion for comparison in comparisons])
        theirs = self.vectors.cosines(prompts, [pair.challenger for pair in comparisons])
        won = (0.5 + 0.5 * (theirs - ours).sign()).tolist()
        return [Judgement(win_probability=probability) for probability in won]


# --- reward model ---------------------------------------------------------------------------------

# The reward model as a judge, which stage `reward` trained: a head over the frozen embedder, or a
# user's own classifier with one output.

BATCH = 32
EMBEDDER = "embedder"  # the folder of the embedder that a head was trained on


class Rewarding(Protocol):
    source: str  # as people read it

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor: ...


class RewardModel:
    """What lies in a folder of stage `reward`, or in one that was kept. `vectors` are those of its
    embedder, where some are known already.
    """

    of_single_answers = True  # which it learnt from and was held against: no whole conversations

    def __init__(self, folder: Path, vectors: ExchangeVectors | None = None) -> None:
        kind = json.loads((folder / "config.json").read_bytes()).get("model_type")
        head = kind == RewardHeadConfig.model_type
        self.model: Rewarding = HeadOnEmbedder(folder, vectors) if head else Classifier(folder)
        self.source = self.model.source

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        """Bradley–Terry: the logistic function of the difference of rewards. An answer without a
        word loses to one that has some.
        """
        if not comparisons:
            return []
        prompts = [comparison.question for comparison in comparisons]
        challenger = self.rewards(prompts, [comparison.challenger for comparison in comparisons])
        champion = self.rewards(prompts, [comparison.champion for comparison in comparisons])
        won = torch.sigmoid((challenger - champion).double()).tolist()
        return [
            Judgement(win_probability=says_something(pair, probability))
            for pair, probability in zip(comparisons, won, strict=True)
        ]

    @torch.inference_mode()
    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor:
        """Rewards [n] of the answers. Each is scored in a batch fixed by the order given."""
        return self.model.rewards(prompts, answers)


def says_something(pair: AnswerPair, probability: float) -> float:
    """The challenger's win probability, where one side alone has words: 1 or 0."""
    ours, theirs = bool(words(pair.challenger)), bool(words(pair.champion))
    return probability if ours == theirs else float(ours)


class HeadOnEmbedder:
    def __init__(self, folder: Path, vectors: ExchangeVectors | None = None) -> None:
        self.head = RewardHead.from_pretrained(folder, use_safetensors=True).eval()
        self.vectors = vectors or ExchangeVectors(folder / EMBEDDER)
        self.source = "frozen cosine" if self.head.config.frozen else "reward model"

    def rewards(self, prompts: Sequence[str], answers: Sequence[str]) -> torch.Tensor:
        rewards: torch.Tensor = self.head.reward(features(self.vectors, prompts, answers))
        return rewards


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


# --- reward head ----------------------------------------------------------------------------------

# A small head over the frozen embedder; untrained, its reward is ten times the cosine of prompt and
# answer.
#
# reward = α · 10 cosine(prompt, answer) + β · 3 [the answer ends as a sentence does] + w · 10
# answer

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
        rewards: Tensor = self.fit(features[:, :2]) + self.style(features[:, 2:])
        return rewards[:, 0]

    def forward(self, input_ids: Tensor, **_: Any) -> SequenceClassifierOutput:
        """The rewards of exchanges by their numbers [n, 1], as in training."""
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
