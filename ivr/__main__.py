"""`python -m ivr` is `ivr`, its exit code too."""

import sys

from ivr.cli.main import main

sys.exit(main())
