"""Third-party adapters: what is not plain LoRA for the pinned base is refused."""
