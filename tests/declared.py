"""Options that argparse can have, declared by hand, with what guild is given and what is typed."""

from __future__ import annotations

import re
import shlex

HEADER = "import argparse\nfrom pathlib import Path\np = argparse.ArgumentParser()\n"

# The arguments of one add_argument, flags for guild, words for Python.
TABLE = [
    ("'--x', type=bool, default=False", "", ""),
    ("'--x', type=bool, default=False", "x=yes", "--x 1"),
    ("'--x', type=bool, default=True", "x=no", "--x ''"),
    ("'--x', default=False", "", ""),
    ("'--x', default=False", "x=/path", "--x /path"),
    ("'--x', type=float, default=False", "x=0.5", "--x 0.5"),
    ("'--x', type=float, default=1", "x=1e-7", "--x 1e-7"),
    ("'--x', type=float, default=1", "x=-1e-7", "--x=-1e-7"),
    ("'--x', type=int, default='5'", "", ""),
    ("'--x', type=int, default='5'", "x=6", "--x 6"),
    ("'--x', type=Path, default=Path('a')", "", ""),
    ("'--x', type=Path, default=Path('a')", "x=12", "--x 12"),
    ("'--x', type=lambda s: s == 'True', default=False", "x=True", "--x True"),
    ("'--x', type=eval, default=(1, 2)", "", ""),
    ("'--x', type=eval, default=(1, 2)", "x='(3, 4)'", "--x '(3, 4)'"),
    ("'--x', default=len('abc')", "", ""),
    ("'--x', default=len('abc')", "x=4", "--x 4"),
    ("'--x', default={0: 'cat'}", "", ""),
    ("'--x', default=None", "x=-a", "--x=-a"),
    ("'--x', default='a'", "x=", "--x ''"),
    ("'--x', action=argparse.BooleanOptionalAction, default=True", "", ""),
    ("'--x', action=argparse.BooleanOptionalAction, default=True", "x=no", "--no-x"),
    ("'--x', action=argparse.BooleanOptionalAction", "x=no", "--no-x"),
    ("'--x', action=argparse.BooleanOptionalAction", "x=yes", "--x"),
    ("'--x', action='store_true'", "x=yes", "--x"),
    ("'--x', action='store_true'", "x=no", ""),
    ("'--x', action='store_true', default=None", "", ""),
    ("'--x', action='store_false'", "x=no", "--x"),
    ("'--no-x', dest='x', action='store_false'", "no-x=no", "--no-x"),
    ("'--x', action='store_const', const=sum, default=max", "", ""),
    ("'--x', action='store_const', const=sum, default=max", "x=yes", "--x"),
    ("'--x', action='append_const', const=3", "x=yes", "--x"),
    ("'-v', '--verbose', action='count'", "", ""),
    ("'-v', '--verbose', action='count'", "verbose=3", "-vvv"),
    ("'-v', '--verbose', action='count', default=1", "verbose=3", "-vv"),
    ("'-v', action='count', default=0", "v=2", "-vv"),
    ("'--x', action='append', default=[]", "", ""),
    ("'--x', action='append', default=[]", "x=a", "--x a"),
    ("'--x', action='append', default=[]", "x='a b'", "--x 'a b'"),
    ("'--x', action='append'", "x=[a,b]", "--x a --x b"),
    ("'--x', action='append', type=int", "x=[1,-2]", "--x 1 --x=-2"),
    ("'--x', action='append'", "'x=[a,-b]'", "--x a --x=-b"),
    ("'--x', action='append', nargs=2", "x='a b'", "--x a b"),
    ("'--x', action='append', nargs='+'", "x=[[a,b],[c]]", "--x a b --x c"),
    ("'--x', action='extend', nargs='+', default=['z']", "x=[a,b]", "--x a b"),
    ("'--x', nargs='+', type=int, default=[1, 2]", "", ""),
    ("'--x', nargs='+', type=int, default=[1, 2]", "x=[3,4]", "--x 3 4"),
    ("'--x', nargs='+', type=int, default=[1, 2]", "x='3 4'", "--x 3 4"),
    ("'--x', nargs='+', type=int, default=[1, 2]", "x=3", "--x 3"),
    ("'--x', nargs='+', type=float", "x=[-1,-0.5]", "--x -1 -0.5"),
    ("'--x', nargs='+', type=float", "x=[1.5,-1.0e-05]", "--x 1.5 -0.00001"),
    ("'--x', nargs='+', default='small.pt'", "", ""),
    ("'--x', nargs='+', default='small.pt'", "x='a b'", "--x a b"),
    ("'--x', nargs='+', default='small.pt'", "'x=\"a b\" c'", "--x 'a b' c"),
    ("'--x', nargs='+', default=[]", "x=-a", "--x=-a"),
    ("'--x', nargs='*', default=[1]", "x=[]", "--x"),
    ("'--x', nargs='*', default=(1, 2)", "", ""),
    ("'--x', nargs=1, default=['a']", "", ""),
    ("'--x', nargs=1, default=['a']", "x=b", "--x b"),
    ("'--x', nargs=3, type=int", "x=[1,2,3]", "--x 1 2 3"),
    ("'--x', nargs='?', const=True, default=False", "", ""),
    ("'--x', nargs='?', const=True, default=False", "x=yes", "--x"),
    ("'--x', nargs='?', const=True, default=False", "x=last", "--x last"),
    ("'--x', nargs='?', const='best'", "x=best", "--x"),
    ("'-x'", "x=3", "-x 3"),
    ("'-x', type=int, default=2", "x=-3", "-x -3"),
    ("'-x', default='a'", "x=-b", "-x=-b"),
    ("'-lr', type=float", "lr=0.1", "-lr 0.1"),
    ("'-x', '--long', '--longer'", "long=3", "--longer 3"),
    ("'--x', choices=['a', 'b']", "x=b", "--x b"),
    ("'--x', choices=range(3), type=int", "x=2", "--x 2"),
    ("'--x', dest='y', default=1, type=int", "x=2", "--x 2"),
    ("'--x', required=True", "x=2", "--x 2"),
    ("'--x', required=True, default='a'", "x=a", "--x a"),
    ("'--x', required=True, type=int, default=1", "x=1", "--x 1"),
    ("'--x', default=argparse.SUPPRESS", "", ""),
]


def as_one_parser() -> tuple[str, list[str], list[str]]:
    """A module that declares all of them, with all their flags, and all that is typed.

    The option of each has its number behind its name. Those of several letters behind one dash
    stay out, as no number can stand there.
    """
    source, flags, typed = HEADER, [], []
    for number, (call, given, words) in enumerate(TABLE):
        if not re.match(r"'(--(no-)?|-)x'", call):
            continue
        named = re.sub(r"'((--(no-)?|-)?)x'", rf"'\1x{number}'", call)
        source += f"p.add_argument({named})\n"
        flags += [re.sub(r"^(no-)?x=", rf"\1x{number}=", flag) for flag in shlex.split(given)]
        for word in shlex.split(words):
            typed.append(re.sub(r"^(--(no-)?|-)x(?==|$)", rf"\1x{number}", word))
    return source + "print(p.parse_args())\n", flags, typed
