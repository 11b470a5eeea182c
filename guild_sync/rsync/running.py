"""An rsync of ours at work: with nothing from our environment, and not silent for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guild_sync.rsync.argv import environment, silence_of
from guild_sync.transport import watched
from guild_sync.transport.process import Completed


def run(
    argv: Sequence[str],
    on_output: Callable[[bytes], None] = lambda _: None,
    *,
    stdin: bytes = b"",
    forbidden: Callable[[], bool] | None = None,
    sending: bool = False,
) -> Completed:
    """As `watched.run`; `was_silent` is set where the other end sends nothing any more.

    That is looked for unless it is `sending`: then its own `--timeout` ends it, where the other
    end takes and says nothing any more. Of two processes there, one that lives may say that.
    """
    silence = None if sending else silence_of(argv)
    return watched.run(
        argv, on_output, stdin=stdin, env=environment(), forbidden=forbidden, silence=silence
    )
