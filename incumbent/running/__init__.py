"""The pipeline as it runs: DVC as a child process, and the screen that shows its stages."""
