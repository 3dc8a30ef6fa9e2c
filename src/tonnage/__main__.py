"""`python -m tonnage` is the `tonnage` command."""

import sys

from tonnage.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
