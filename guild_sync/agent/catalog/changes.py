"""What people change of runs: label, tags, comments, mark.

Each function takes run ids and returns which runs it changed, and why not the others:
one bad run stops nobody else. What is read and then written is so under one lock of the
guild home, so that of two commands at once none loses the other's change.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import threading
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Sequence

from ..errors import AgentError
from ..protocol import Changed, Plain, Value, now
from ..store import inside, rundir

_PATIENCE = 10.0  # seconds; a change takes milliseconds
# Threads of one process wait for each other here: a sync has as many as it works on remotes, and a
# lock of the file system is waited for by looking again and again, in no order.
_ours = threading.Lock()
_THREADS = 60  # of this process that may have a change to make before ours


def label(home: str, ids: Sequence[str], action: str, values: Sequence[str] = ()) -> Changed:
    """Change labels. `action`: set, prepend, append, remove or clear; `values`: its texts."""
    text = " ".join(values)
    actions: Dict[str, Callable[[str], str]] = {
        "set": lambda label: text,
        "prepend": lambda label: _joined([text, label]),
        "append": lambda label: _joined([label, text]),
        "remove": lambda label: _without(label, values),
        "clear": lambda label: "",
    }
    if action not in actions:
        raise AgentError("%s is nothing to do with a label" % rundir.shown(action))
    return _changed(home, ids, lambda run: _write_label(run, actions[action](_label(run))))


def tag(
    home: str,
    ids: Sequence[str],
    add: Sequence[str] = (),
    delete: Sequence[str] = (),
    clear: bool = False,
    sync_labels: bool = False,
) -> Changed:
    """Delete tags, or clear them all, then add some; with `sync_labels` in the label too."""

    def change(run: str) -> None:
        tags = {str(t) for t in _list(run, "tags")}
        dropped = tags if clear else set(delete)
        # Sorted, as Guild AI keeps them.
        write(run, "tags", sorted(tags - dropped | set(add)))
        if sync_labels:
            text = _without(_label(run), sorted(dropped))
            new = [t for t in dict.fromkeys(add) if _without(text, [t]) == text]
            _write_label(run, _joined([*new, text]))

    return _changed(home, ids, change)


def comment(
    home: str,
    ids: Sequence[str],
    add: Optional[Dict[str, str]] = None,
    delete: Optional[int] = None,
    clear: bool = False,
) -> Changed:
    """Add a comment (`body`, `user`, `host`), delete the one with a number, or all of them."""

    def change(run: str) -> None:
        comments = [] if clear else _list(run, "comments")
        if delete is not None:
            if not 1 <= delete <= len(comments):
                raise AgentError("it has no comment %d" % delete)
            del comments[delete - 1]
        if add is not None:
            comments.append(dict(add, time=now()))
        write(run, "comments", comments or None)

    return _changed(home, ids, change)


def mark(home: str, ids: Sequence[str], marked: bool = True) -> Changed:
    """Mark runs, or unmark them."""
    return _changed(home, ids, lambda run: write(run, "marked", True if marked else None))


def _changed(home: str, ids: Sequence[str], change: Callable[[str], None]) -> Changed:
    with changing(home):
        result = each(ids, lambda run_id: change(rundir.existing(rundir.run_dir(home, run_id))))
        inside.flush(rundir.run_dir(home, run_id) for run_id in result["done"])
        return result


def each(ids: Sequence[str], act: Callable[[str], None]) -> Changed:
    done: List[str] = []
    refused: Dict[str, str] = {}
    for run_id in ids:
        try:
            act(run_id)
            done.append(run_id)
        except AgentError as e:
            refused[run_id] = e.message
        except OSError as e:
            far = e.errno == errno.EXDEV
            why = "the trash is on another file system" if far else e.strerror
            refused[run_id] = why or str(e)
        except ValueError as e:  # a value that no attribute can have
            refused[run_id] = str(e)
    return {"done": done, "refused": refused}


@contextmanager
def changing(home: str) -> Iterator[None]:
    """Be the only one to change runs of this guild home."""
    folder = os.path.join(home, "locks")
    os.makedirs(folder, 0o700, exist_ok=True)
    if not _ours.acquire(timeout=_THREADS * _PATIENCE):
        raise _busy()
    try:
        with _file_locked(os.path.join(folder, "changes.lock")):
            yield
    finally:
        _ours.release()  # once the file is free: the next thread would find it locked


@contextmanager
def _file_locked(path: str) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _locked(fd):
            if time.monotonic() > deadline:
                raise _busy()
            time.sleep(0.005)
        yield
    finally:
        os.close(fd)


def _busy() -> AgentError:
    return AgentError("another guild is changing runs", "Try again when it is done.")


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without flock: no worse than no lock
    return True


def _label(run: str) -> str:
    value = rundir.read_attr(run, "label")
    return "" if value is None else str(value)


def _list(run: str, name: str) -> List[Value]:
    value = rundir.read_attr(run, name)
    return list(value) if isinstance(value, list) else []


def _write_label(run: str, text: str) -> None:
    write(run, "label", text or None)


def write(run: str, name: str, value: Plain) -> None:
    """Write an attribute, which is on the disk after `inside.flush`; None removes it."""
    if value is not None:
        inside.make(rundir.guild_dir(run), "attrs")
        rundir.write_attr(run, name, value, flushed=False)
    else:
        rundir.remove_attrs(run, [name])


def _joined(parts: Sequence[str]) -> str:
    return " ".join(part for part in parts if part)


def _without(text: str, parts: Sequence[str]) -> str:
    """`text` without each of `parts` where it stands between spaces."""
    for part in parts:
        if part:
            found = r"(?<!\S)%s(?!\S)" % re.escape(part)
            if re.search(found, text):
                text = re.sub(found + r"\s*", "", text).strip()
    return text
