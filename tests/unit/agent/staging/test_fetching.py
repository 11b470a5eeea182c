"""Files that are required of web servers: fetched once, checked, kept."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from guild_sync.agent.errors import AgentError
from guild_sync.agent.staging import fetching


class Server(ThreadingHTTPServer):
    """A web server on this machine, which counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.content = b"content"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content, length = self.server.content, len(self.server.content)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        if self.path == "/none.csv":
            self.send_error(404, "no such file")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(length + (9 if self.path == "/cut.csv" else 0)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_file_is_fetched_once_and_kept(tmp_path: Path, server: Server) -> None:
    url = server.url("data/a%20b.csv?x=1")
    path = Path(fetching.fetched(str(tmp_path), url))

    assert path.name == "a b.csv"
    assert path.read_bytes() == b"content"
    assert path.is_relative_to(tmp_path / "cache" / "resources")
    assert fetching.fetched(str(tmp_path), url) == str(path)
    assert server.asked == ["/data/a%20b.csv?x=1"]

    server.content = b"other"
    fetching.fetched(str(tmp_path), url, again=True)
    assert path.read_bytes() == b"other"


def test_the_digest_decides(tmp_path: Path, server: Server) -> None:
    url, digest = server.url("a.csv"), hashlib.sha256(b"content").hexdigest()
    path = Path(fetching.fetched(str(tmp_path), url, digest.upper()))
    path.write_bytes(b"broken")  # what is kept and is not it is fetched again
    assert Path(fetching.fetched(str(tmp_path), url, digest)).read_bytes() == b"content"
    assert len(server.asked) == 2

    with pytest.raises(AgentError, match=f"has the SHA-256 {digest}, and not {'0' * 64}"):
        fetching.fetched(str(tmp_path), url, "0" * 64)
    assert [name.name for name in path.parent.iterdir()] == ["a.csv"]


def test_a_server_may_send_to_another_place_but_not_to_a_file(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "secret").write_text("secret")
    found = fetching.fetched(str(tmp_path), server.url(f"to/{server.url('b.csv')}"))
    assert Path(found).read_bytes() == b"content"

    with pytest.raises(AgentError, match="cannot fetch ") as error:
        fetching.fetched(str(tmp_path), server.url(f"to/file://{tmp_path}/secret"))
    assert "\n" not in error.value.message
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["b.csv"]


@pytest.mark.parametrize(
    ("path", "why"),
    [("none.csv", "404"), ("cut.csv", "cut short"), ("", "ends with no name of a file")],
)
def test_what_cannot_be_had_is_one_line(
    tmp_path: Path, server: Server, path: str, why: str
) -> None:
    with pytest.raises(AgentError, match=why) as error:
        fetching.fetched(str(tmp_path), server.url(path))

    assert "\n" not in error.value.message
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://h/a", "http:///a", "http://127.0.0.1:1/a", "http://[/a"]
)
def test_an_address_that_is_none_is_one_line(tmp_path: Path, url: str) -> None:
    with pytest.raises(AgentError) as error:
        fetching.fetched(str(tmp_path), url)

    assert "\n" not in error.value.message
