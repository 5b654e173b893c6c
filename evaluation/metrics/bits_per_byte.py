"""How well a system expects the reference, in a unit that any two tokenizers share."""

from math import log

from evaluation.metrics.per_item import PerItem, Values


class BitsPerByte(PerItem):
    """Bits that a system would need for a byte of the reference, in UTF-8; its end token counts.

    compute(references=texts, reference_logprobs=floats, reference_tokens=ints) ->
    {"bits_per_byte": [n]}. A mean over tokens says less where there are more of them; a sum over
    tokens, by bytes, does not hang on how a tokenizer cuts a text. Less is better.
    """

    less_is_better = ("bits_per_byte",)
    description = "Bits per byte of the reference per item."
    citation = (
        "Gao et al. (2020). The Pile: an 800GB dataset of diverse text for language modeling."
    )
    columns = ("references", "reference_logprobs", "reference_tokens")

    def _compute(
        self, references: list[str], reference_logprobs: list[float], reference_tokens: list[int]
    ) -> Values:
        columns = zip(references, reference_logprobs, reference_tokens, strict=True)
        return {
            "bits_per_byte": [
                -mean * tokens / log(2) / max(1, len(text.encode()))
                for text, mean, tokens in columns
            ]
        }
