"""The limit of reading a project: its guild.yml as YAML, and its modules as Python.

`python bare_read.py FOLDER` makes nothing of either. It imports nothing of guild.
"""

import ast
import sys
from pathlib import Path

import yaml


def main(folder: Path) -> None:
    entries = yaml.safe_load((folder / "guild.yml").read_text())
    print(len(entries), sum(len(ast.parse(p.read_text()).body) for p in folder.glob("*.py")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
