"""What may follow on the words of a command line, read from the command's usage."""

from __future__ import annotations

import pytest

from guild_sync.cli import usage_lines

USAGE = """List the tags of runs.

Usage:
  guild tags [options] [-m...] [--add TAG]... REMOTE [list] [RUN]...
  guild runs (tags|labels) [RUN [RUN]]
  guild tags --help
"""


@pytest.mark.parametrize(
    ("words", "following"),
    [
        ([], ["tags", "runs"]),
        (["tags"], ["REMOTE"]),
        (["tags", "gpu"], ["list", "RUN"]),
        (["tags", "gpu", "list"], ["RUN"]),
        (["tags", "gpu", "1", "2", "3"], ["RUN"]),
        (["runs"], ["tags labels"]),
        (["runs", "labels", "1"], ["RUN"]),
        (["runs", "labels", "1", "2"], []),
        (["runs", "other"], []),
        (["others"], []),
    ],
)
def test_a_usage_says_what_can_follow_on_words(words: list[str], following: list[str]) -> None:
    elements = [
        e for line in usage_lines.lines(USAGE) for e in usage_lines.next_elements(line, words)
    ]
    found = dict.fromkeys(e.argument or " ".join(e.words) for e in elements)
    assert list(found) == following
