"""What argparse makes of words, by this Python or by others that are on this machine."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MINORS = range(9, 16)  # of Python 3, whose argparse has BooleanOptionalAction since 3.9


def namespace(source: str, words: Sequence[str]) -> str:
    """What the parser `p` of a module makes of these words, or that it refuses them."""
    names: dict[str, object] = {}
    exec(compile(source, "module", "exec"), names)
    parser = names["p"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return repr(parser.parse_args(list(words)))  # type: ignore[attr-defined]
    except SystemExit:
        return f"{words}: {said.getvalue()}"


def namespaces(python: str, cases: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """What that Python makes of each source and its words."""
    done = subprocess.run(
        [python, "-c", Path(__file__).read_text("utf-8")],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    return answers


@functools.cache
def other_pythons() -> list[str]:
    """The Pythons of other versions that are here, those of pyenv included."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = []
    for minor in set(MINORS) - {sys.version_info.minor}:
        name = f"python3.{minor}"
        paths = [*root.glob(f"3.{minor}.*/bin/{name}"), shutil.which(name)]
        found += [str(path) for path in paths if path and _runs(str(path))][:1]
    return found


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    json.dump([namespace(*case) for case in json.load(sys.stdin)], sys.stdout)
