"""Foreign files, brought into a project: checked, made canonical, written whole or not at all."""
