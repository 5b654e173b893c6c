"""From bytes to text, or a refusal: never a text that its writer did not write."""
