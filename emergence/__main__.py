"""``python -m emergence``: the command line."""

import sys

from emergence.cli.main import main

sys.exit(main())
