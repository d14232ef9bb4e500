"""``python -m fastconv`` is the command ``fastconv``."""

import sys

from .cli.main import main

sys.exit(main())
