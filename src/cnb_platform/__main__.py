"""`python -m cnb_platform`: the command line with this process's arguments and environment."""

import os
import sys

from cnb_platform.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
