"""The heartbeat: called twice a sync, within a few seconds, and never the sync's business."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from receivers import Web, web

from guild_sync.errors import GuildError
from guild_sync.hooks import heartbeat
from guild_sync.hooks.heartbeat import FAIL, START, SUCCESS, Heartbeat


def configure(tmp_path: Path, url: str) -> list[str]:
    """Have the config file name it; what is said meanwhile."""
    (tmp_path / "config.yml").write_text(f"heartbeat: {url}\n")
    return []


def bodies(server: Web) -> list[bytes]:
    return [call.body for call in server.calls]


def test_a_start_and_a_success_have_an_id_in_common(tmp_path: Path) -> None:
    with web() as server:
        said = configure(tmp_path, f"{server.url}/abc/?create=1")
        for _ in range(2):
            with heartbeat.beating(said.append):
                pass
    assert server.told == ["GET /abc/start", "GET /abc"] * 2
    assert said == []
    queries = [parse_qs(urlsplit(call.path).query) for call in server.calls]
    assert all(query["create"] == ["1"] for query in queries)
    ids = [query["rid"][0] for query in queries]
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_a_failure_is_told_with_a_text(tmp_path: Path) -> None:
    with web() as server:
        said = configure(tmp_path, f"{server.url}/abc")
        with heartbeat.beating(said.append) as failed:
            failed("exit status 3: gpu1 unreachable")
    assert server.told == ["GET /abc/start", "POST /abc/fail"]
    assert bodies(server) == [b"", b"exit status 3: gpu1 unreachable"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyboardInterrupt(), b"interrupted"),
        (GuildError("the disk is full"), b"the disk is full"),
        (ZeroDivisionError("secret"), b"ZeroDivisionError"),
    ],
)
def test_what_is_raised_is_a_failure_and_goes_on(
    tmp_path: Path, error: BaseException, text: bytes
) -> None:
    with web() as server:
        said = configure(tmp_path, f"{server.url}/abc")
        with pytest.raises(type(error)), heartbeat.beating(said.append):
            raise error
    assert server.told == ["GET /abc/start", "POST /abc/fail"]
    assert bodies(server)[1] == text


def test_a_service_that_fails_is_tried_once_more_and_said_once(tmp_path: Path) -> None:
    with web() as server:
        server.status = 503
        said = configure(tmp_path, f"{server.url}/hidden")
        with heartbeat.beating(said.append):
            pass
    assert server.told == ["GET /hidden/start"] * 2 + ["GET /hidden"] * 2
    assert said == [f"the heartbeat {server.url}/*** was not told: HTTP status 503"]


def test_a_service_that_does_not_answer_costs_a_few_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        assert Heartbeat(url).call(START) == (False, "no answer within 0.2 s")


def test_an_answer_that_drips_has_an_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
        drips = threading.Thread(target=drip, args=(listening,))
        drips.start()
        assert Heartbeat(url).call(SUCCESS) == (False, "it took longer than 1.4 s")
    drips.join()


def drip(listening: socket.socket) -> None:
    """Answer with headers that have no end, until nobody listens any more."""
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(20):
            connection.sendall(b"x: y\r\n")
            threading.Event().wait(0.1)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://{place}/x", "//[x", "data:,x"])
def test_it_is_led_to_web_servers_alone(location: str) -> None:
    with web() as server, closing(socket.create_server(("127.0.0.1", 0))) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        server.status, server.location = 302, location.format(place=place)
        assert not Heartbeat(f"{server.url}/x").call(START).ok
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has come
            listening.accept()


def test_it_follows_to_another_web_server() -> None:
    with web() as first, web() as second:
        first.status, first.location = 302, f"{second.url}/there"
        assert Heartbeat(f"{first.url}/x").call(START) == (True, "HTTP status 200")
    assert second.told == ["GET /there"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/hidden", "http://a..b/hidden", "http://[/"]
)
@pytest.mark.parametrize("which", [START, SUCCESS, FAIL])
def test_what_cannot_be_called_is_said_without_the_url(url: str, which: str) -> None:
    reply = Heartbeat(url).call(which, "text")
    assert not reply.ok
    assert "hidden" not in reply.said
    assert reply.said


def test_a_fault_in_it_is_said_and_nothing_called(tmp_path: Path) -> None:
    said = configure(tmp_path, "gopher://hidden")
    with heartbeat.beating(said.append):
        pass
    assert len(said) == 1
    assert said[0].startswith("heartbeat: must be http://")
    assert "hidden" not in said[0]
    (tmp_path / "config.yml").write_text("heartbeat: [")
    with heartbeat.beating(said.append):
        pass
    assert "not valid YAML" in said[1]
