"""Foreign files, brought into a project: read, made canonical, written whole or not at all."""
