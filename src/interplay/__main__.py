"""`python -m interplay` is the command line."""

from interplay.cli.app import main

if __name__ == "__main__":
    main()
