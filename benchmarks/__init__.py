"""The benchmark: this project beside what one would use instead, on the same data.

    python -m benchmarks --engine duckdb --sessions 10000000

See README.md in this folder.
"""

import sys
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# The server, the warehouse and the raw tables' definitions are those of the tests and the scripts.
for folder in ("tests/python", "scripts"):
    sys.path.insert(0, str(PROJECT_ROOT / folder))
