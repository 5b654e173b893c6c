"""The rival that was taught nothing: how near an answer lies to its question."""

from collections.abc import Sequence

from evaluation.preference.comparison import Comparison, Judgement
from evaluation.preference.reward.exchange_vectors import ExchangeVectors


class FrozenCosine:
    source = "frozen cosine"

    def __init__(self, vectors: ExchangeVectors) -> None:
        self.vectors = vectors

    def prefer(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """For the answer that is nearer to the prompt, surely; equal vectors are a tie."""
        if not comparisons:
            return []
        prompts = [comparison.prompt for comparison in comparisons]
        ours = self.vectors.cosines(prompts, [comparison.champion for comparison in comparisons])
        theirs = self.vectors.cosines(prompts, [one.challenger for one in comparisons])
        won = (0.5 + 0.5 * (theirs - ours).sign()).tolist()
        return [Judgement(win_probability=probability) for probability in won]
