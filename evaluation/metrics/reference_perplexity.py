"""How well a system expects the reference, whatever it answers itself."""

import numpy as np

from evaluation.metrics.per_item import PerItem, Values


class ReferencePerplexity(PerItem):
    """Mean log-probability of a reference token, in nats, and its perplexity.

    compute(reference_logprobs=floats) -> {"reference_logprob": [n], "perplexity": [n]}, where
    perplexity = exp(-reference_logprob) (Jelinek et al. 1977). More is better in the first, less
    in the second; gate on the first, whose differences are not ruled by a few hard items, and
    between bases with different tokenizers on `bits_per_byte`.
    """

    more_is_better = ("reference_logprob",)
    less_is_better = ("perplexity",)
    per_token = ("reference_logprob", "perplexity")
    description = "Log-probability and perplexity of the reference per item."
    citation = (
        "Jelinek, Mercer, Bahl and Baker (1977). "
        "Perplexity: a measure of the difficulty of speech recognition tasks."
    )
    columns = ("reference_logprobs",)

    def _compute(self, reference_logprobs: list[float]) -> Values:
        return {
            "reference_logprob": list(reference_logprobs),
            "perplexity": np.exp(-np.asarray(reference_logprobs)).tolist(),
        }
