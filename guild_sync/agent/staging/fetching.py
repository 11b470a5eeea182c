"""A file that is required of a web server, fetched once and kept below the guild home."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, List, Optional
from urllib.parse import unquote, urlsplit

from ..errors import AgentError
from ..store import rundir
from .placing import digest_of

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

_SCHEMES = ("http", "https", "ftp")
_CACHE = "cache/resources"
_SILENCE = 60.0  # seconds without a byte
_LONGEST = 6 * 3600.0  # seconds for all of it, however slowly it comes
_KEPT = re.compile(r"[0-9a-f]{40,64}\Z")  # Guild AI's are shorter
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}\Z")


def is_url(text: str) -> bool:
    """Whether a text is the address of something that can be fetched."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme.lower() in _SCHEMES and bool(parts.netloc)


def fetched(home: str, url: str, sha256: str = "", again: bool = False) -> str:
    """The path of the file at `url`, fetched unless it was before, and has that digest.

    With `again` it is fetched all the same. Raises AgentError, in one line, where it cannot be
    had, or is another than the one with that digest.
    """
    if not is_url(url):
        raise AgentError(
            "cannot fetch %s: it is no address of %s" % (rundir.shown(url), ", ".join(_SCHEMES))
        )
    folder = os.path.join(home, _CACHE, hashlib.sha256(url.encode("utf-8")).hexdigest())
    path = os.path.join(folder, _name(url))
    # Without a digest what is kept stands for what is there, as Guild AI has it.
    if (
        not again
        and os.path.isfile(path)
        and (not sha256 or digest_of(path, "sha256") == sha256.lower())
    ):
        with suppress(FileNotFoundError):  # removed just now, as nobody had used it for long
            os.utime(folder)
            return path
    os.makedirs(folder, exist_ok=True)
    fd, temporary = tempfile.mkstemp(prefix=".fetching-", dir=folder)
    try:
        with os.fdopen(fd, "wb") as f:
            _fetch(url, f)
        found = digest_of(temporary, "sha256")
        if sha256 and found != sha256.lower():
            raise AgentError(
                "%s has the SHA-256 %s, and not %s" % (rundir.shown(url), found, sha256.lower())
            )
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return path


def kept(home: str) -> List[str]:
    """The folders with what was fetched once, a folder an address; Guild AI keeps it there, too."""
    top = os.path.join(home, _CACHE)
    try:
        return [os.path.join(top, name) for name in sorted(os.listdir(top)) if _KEPT.match(name)]
    except OSError:
        return []


def _name(url: str) -> str:
    """What the file is called: the last part of the address's path."""
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    if not _NAME.match(name) or name in (".", ".."):
        raise AgentError(
            "the address %s ends with no name of a file" % rundir.shown(url),
            "Fetch it in the operation, or give another address.",
        )
    return name


def _fetch(url: str, target: IO[bytes]) -> None:
    import http.client

    shown = rundir.shown(url)
    deadline = time.monotonic() + _LONGEST
    try:
        with _opener().open(url, timeout=_SILENCE) as answer:
            length = answer.headers.get("Content-Length")
            done = 0
            while True:
                chunk = answer.read(1 << 16)
                if not chunk:
                    break
                done += len(chunk)
                target.write(chunk)
                if time.monotonic() > deadline:
                    raise AgentError("cannot fetch %s: it takes too long" % shown)
        if length is not None and length.isdigit() and done < int(length):
            raise AgentError("cannot fetch %s: it was cut short" % shown)
    except (OSError, ValueError, http.client.HTTPException) as e:
        raise AgentError("cannot fetch %s: %s" % (shown, _why(e))) from None


def _why(error: Exception) -> str:
    """In one line what went wrong."""
    code: Optional[int] = getattr(error, "code", None)
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    text = str(getattr(reason, "strerror", None) or reason).split("\n")[0]
    return "%d %s" % (code, text) if code else text or type(error).__name__


def _opener() -> OpenerDirector:
    """What fetches: nothing but the schemes above, to which a server may redirect."""
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler, request.UnknownHandler, request.HTTPHandler,
        request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor, request.FTPHandler,
        request.HTTPRedirectHandler,
    ):  # fmt: skip
        opener.add_handler(handler())
    if hasattr(request, "HTTPSHandler"):  # not in a Python without ssl
        opener.add_handler(request.HTTPSHandler())
    return opener
