"""`python -m incumbent` is the command."""

from incumbent.cli import main

if __name__ == "__main__":
    main()
