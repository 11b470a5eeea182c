"""Tell what a run finds in its environment."""

import os
import sys

for name in ("DATA", "MODE", "COMPILER"):
    print(name, "is", repr(os.environ[name]) if name in os.environ else "not set")
print("Python is", os.path.basename(sys.executable))
