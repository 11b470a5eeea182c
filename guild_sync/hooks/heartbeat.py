"""The heartbeat: a URL that is called where a sync starts, and where it has ended, well or not."""

from __future__ import annotations

import os
import ssl
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit

from guild_sync.errors import ConfigError, GuildError
from guild_sync.hooks import addresses, configured
from guild_sync.hooks.listener import Reply
from guild_sync.transport.background import begun

START, SUCCESS, FAIL = "/start", "", "/fail"  # as healthchecks.io has them
SECONDS = 4.0  # for each of two tries
_TRIES = 2
_MOST = 1000  # characters of a text
Say = Callable[[str], None]


class Heartbeat:
    """The heartbeat of one sync: an id in its calls tells it from another that runs just now."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._id = uuid.uuid4()

    @property
    def name(self) -> str:
        """What it is called in messages: nothing secret is in it."""
        return f"heartbeat {addresses.shown(self._url)}"

    def call(self, which: str, text: str = "") -> Reply:
        """Tell of START, SUCCESS or FAIL, with a text for people; what came back."""
        # A name that is looked up, and an answer that drips, know no limit of their own.
        limit = SECONDS * _TRIES + 1
        try:
            return begun(partial(self._reply, which, text)).result(limit)
        except futures.TimeoutError:
            return Reply(False, f"it took longer than {limit:g} s")

    def _reply(self, which: str, text: str) -> Reply:
        reply = Reply(False, "")
        for _ in range(_TRIES):
            reply = _tried(self._url, which, f"rid={self._id}", text)
            if reply.ok:
                break
        return reply


@contextmanager
def beating(say: Say) -> Iterator[Callable[[str], None]]:
    """Tell the heartbeat of the config file, if it has one, of what is done within.

    What is within calls what it gets with a text where it has failed; an exception is a failure
    too. What keeps the service from being told goes to `say`, once, and changes nothing else.
    """
    beat = _configured(say)
    failures: list[str] = []
    started = beat and begun(partial(beat.call, START))  # beside the first remotes
    try:
        yield failures.append
    except BaseException as e:
        failures.append(_what(e))
        raise
    finally:
        if beat and started:
            # In this order: a service that heard of a start last would wait for an end.
            replies = started.result(), beat.call(FAIL if failures else SUCCESS, "".join(failures))
            if failed := next((reply for reply in replies if not reply.ok), None):
                say(f"the {beat.name} was not told: {failed.said}")


def _configured(say: Say) -> Heartbeat | None:
    try:
        url, faults = configured.heartbeat()
    except ConfigError as e:
        url, faults = None, (e.message,)
    for fault in faults:
        say(fault)
    return Heartbeat(url) if url else None


def _what(error: BaseException) -> str:
    if isinstance(error, GuildError):
        return error.message
    return "interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__


def _address(url: str, which: str, query: str) -> str:
    parts = urlsplit(url)
    queries = "&".join(filter(None, (parts.query, query)))
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + which, queries, ""))


def _tried(url: str, which: str, query: str, text: str) -> Reply:
    """What came back: never in the words of an exception, which may have the URL in them."""
    try:
        request = urllib.request.Request(
            _address(url, which, query),
            data=text[:_MOST].encode("utf-8", "replace") or None,  # with a text it is a POST
            headers={"User-Agent": "guild-sync", "Content-Type": "text/plain; charset=utf-8"},
        )
        with _opener().open(request, timeout=SECONDS) as response:
            return Reply(True, f"HTTP status {response.status}")
    except HTTPError as e:
        e.close()
        return Reply(False, f"HTTP status {e.code}")
    except URLError as e:
        return Reply(False, _reason(e.reason))
    except (OSError, HTTPException, ValueError) as e:
        return Reply(False, _reason(e))


def _reason(reason: BaseException | str) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, OSError) and (reason.strerror or reason.errno):
        return reason.strerror or os.strerror(reason.errno or 0)
    if isinstance(reason, TimeoutError):
        return f"no answer within {SECONDS:g} s"
    return "it led to no web server" if isinstance(reason, str) else type(reason).__name__


def _opener() -> urllib.request.OpenerDirector:
    """What knows http, https and the proxies of the environment: no file, no ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
