"""``python -m fastconv`` runs the command ``fastconv``."""

import sys

from .cli.main import main

sys.exit(main())
