"""A program with commands of its own."""

import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--root", default="data")
commands = parser.add_subparsers(dest="command", required=True)
fetch = commands.add_parser("fetch")
fetch.add_argument("--mirror", default="nearest")
check = commands.add_parser("check")
check.add_argument("--strict", action="store_true")
print(parser.parse_args())
