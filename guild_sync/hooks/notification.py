"""A notification: a URL of apprise, by which people are told in a few plain lines."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from guild_sync.agent.protocol import Run
from guild_sync.errors import GuildError
from guild_sync.hooks import addresses
from guild_sync.hooks.events import OF_REMOTES, REACHABLE, RETRIED, STARTED, UNREACHABLE, Event
from guild_sync.hooks.listener import Listener, News, Reply
from guild_sync.output import extra

_KINDS = {
    STARTED: "info",
    RETRIED: "info",
    REACHABLE: "info",
    "completed": "success",
    "error": "failure",
    UNREACHABLE: "failure",
}
_MOST = 200  # characters of a line
_MOST_SCALARS = 5  # of a run that are told
_given_up: list[Future[Reply]] = []  # what took too long, and may say something yet
# What runs and remotes say of themselves is text: no mention of anybody, no link, no code.
_MARKUP = str.maketrans({"<": "\u2039", ">": "\u203a", "@": "\uff20", "`": "'"})


class NotInstalled(GuildError):
    """apprise is not here, and so nothing can be sent."""

    def __init__(self) -> None:
        how = extra.how_to_get("notify", "apprise")
        super().__init__("notifications need apprise, which is not installed here", how)


@dataclass(frozen=True)
class Notification(Listener):
    """A URL, and the events that are sent to it."""

    kind = "notification"
    number: int  # its place in the config file
    url: str = field(repr=False)
    given: str = field(repr=False)  # the URL as the file has it, its variables by their names

    @property
    def key(self) -> str:
        return hashlib.sha256(b"notify\0" + self.given.encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        return addresses.shown(self.url)

    @property
    def name(self) -> str:
        return f"notification by {self.shown} (notify: {self.number})"

    def tell(self, news: News) -> Reply:
        from guild_sync.transport.background import begun

        need_apprise()
        sending = begun(partial(_sent, self.url, news))
        try:
            return sending.result(self.timeout)
        except TookTooLong:
            _given_up.append(sending)
            return Reply(False, f"it took longer than {self.timeout} s")

    def is_understood(self) -> bool:
        """Whether apprise knows what to do with the URL."""
        with heard():
            return _apprise(self.url) is not None


def need_apprise() -> None:
    """Raises NotInstalled where apprise is not here."""
    from importlib.util import find_spec

    if find_spec("apprise") is None:
        raise NotInstalled


def _sent(url: str, news: News) -> Reply:
    is_alone = all(other.done() for other in _given_up)
    with heard() as said:
        try:
            sender = _apprise(url)
            ok = sender is not None and sender.notify(
                title=title(news),
                body="\n".join(lines(news)),
                notify_type=_KINDS.get(news.event["event"], "warning"),
                body_format="text",
            )
        except Exception as e:  # of any of its hundred services; its text may have the URL in it
            return Reply(False, f"apprise failed with {type(e).__name__}")
    if ok:
        return Reply(True, "sent")
    if sender is None:
        return Reply(False, "apprise does not understand the URL")
    # What another says, whose time is over, may have a URL in it that is not known here.
    why = said[-1] if said and is_alone else "apprise tells no reason"
    return Reply(False, addresses.masked(why, url))


def _apprise(url: str) -> Any:
    """What sends to the URL; None where apprise does not understand it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its libraries' versions: cron would mail them
        import apprise

        asset = apprise.AppriseAsset(app_id="guild", app_desc="guild", async_mode=False)
        service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        return None
    sender = apprise.Apprise(asset=asset)
    sender.add(service)
    return sender


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """What apprise says meanwhile, in any of its threads: none of it is printed."""
    logger, ear = logging.getLogger("apprise"), _Ear()
    logger.addHandler(ear)
    try:
        yield ear.heard
    finally:
        logger.removeHandler(ear)


def title(news: News) -> str:
    """What has happened, in a line."""
    event = news.event
    test = "Test: " if news.is_test else ""
    remote = _plain(event["remote"])
    if event["event"] in OF_REMOTES:
        how = "is unreachable" if event["event"] == UNREACHABLE else "answers again"
        return f"{test}{remote} {how}"
    return f"{test}{_operation(event, news.run)} on {remote}: {event['event']}"


def lines(news: News) -> Iterator[str]:
    """What there is to know of it, a line each."""
    from guild_sync.output.cells import last_ones
    from guild_sync.output.formats import span

    event, run = news.event, news.run
    if news.is_test:
        yield "This is a test: nothing of it has happened."
    facts = {
        "run": (event["run"] or "")[:8],
        "operation": _operation(event, run) if event["run"] else None,
        "remote": event["remote"],
        "status": event["event"] if event["run"] else None,
        "attempt": run["attempt"] if run and run["attempt"] > 1 else None,
        "ended by": run and run["ended_by"],
        "label": run and run["label"],
        "exit status": run and run["exit_status"],
        "duration": run and span(run["started"], run["stopped"]),
        "last values": last_ones(news.scalars, _MOST_SCALARS),
        "reason": event["reason"],
    }
    for name, value in facts.items():
        if value not in (None, ""):
            yield f"{name}: {_plain(str(value))}"


def _operation(event: Event, run: Run | None) -> str:
    if run is None:
        return _plain(f"run {event['run'][:8]}")
    model, name = run["opref"]["model"], run["opref"]["name"]
    return _plain(f"{model}:{name}" if model else name) or "?"


def _plain(text: str) -> str:
    """Text on one line, in which no service finds anything but text."""
    from guild_sync.output.terminal import clean, cut

    return cut(clean(text), _MOST).translate(_MARKUP).replace("](", "] (")
