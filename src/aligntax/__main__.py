"""`python -m aligntax`: the command line, where its script is not on the path."""

from aligntax.cli.app import main

if __name__ == "__main__":
    main()
