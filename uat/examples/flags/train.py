"""A program as people write it: what it was called with, it prints."""

import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10, help="rounds over the data")
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--amp", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--sizes", type=int, nargs="+", default=(64, 32))
parser.add_argument("--resume", nargs="?", const="latest")
parser.add_argument("--shuffle", type=bool, default=False)
parser.add_argument("--tag", action="append", default=[])
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--momentum", type=float, default=0.0)

for name, value in vars(parser.parse_args()).items():
    if value != parser.get_default(name):
        print(name, repr(value))
print("trained")
