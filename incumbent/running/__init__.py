"""The pipeline as it runs: DVC as a child process, its screen, and programs kept warm for it."""
