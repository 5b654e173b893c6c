"""The embedded backend: transformers and PEFT in this process."""
