"""``python -m bonag`` is ``bonag``."""

from bonag.cli import main

if __name__ == "__main__":
    main()
