"""The network between the ends of a benchmark: its line sends so much a second, and no more."""

from __future__ import annotations

import socket
import threading

import pytest

from bench.relay import Bucket, relayed


def test_a_line_sends_one_thing_after_the_other() -> None:
    line = Bucket(1000)
    assert line.sent(10.0, 500) == 10.5
    assert line.sent(10.1, 1000) == 11.5, "what came before is sent first"
    assert line.sent(11.5, 100) == pytest.approx(11.6)


def test_a_line_that_was_idle_has_saved_nothing() -> None:
    line = Bucket(1000)
    line.sent(0.0, 1000)
    assert line.sent(100.0, 1000) == 101.0


def test_connections_share_a_line() -> None:
    line = Bucket(1000)
    sent = [line.sent(5.0, 200) for _ in range(5)]
    assert sent[-1] == pytest.approx(6.0)


def test_nothing_takes_no_time() -> None:
    line = Bucket(1000)
    assert line.sent(5.0, 0) == 5.0


def test_a_line_without_a_speed_sends_at_once() -> None:
    line = Bucket(None)
    assert [line.sent(5.0, 10**9), line.sent(5.0, 1)] == [5.0, 5.0]


@pytest.mark.parametrize("rate", [None, 10_000_000.0])
def test_a_relay_passes_all_on_in_its_order_and_the_end(rate: float | None) -> None:
    sent = bytes(range(256)) * 1000
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            with server.accept()[0] as there:
                while data := there.recv(1 << 16):
                    there.sendall(data)

        threading.Thread(target=echo, daemon=True).start()
        with (
            relayed(server.getsockname()[1], 0.001, rate) as relay,
            socket.create_connection(("127.0.0.1", relay.port), timeout=60) as here,
        ):

            def send() -> None:
                here.sendall(sent)
                here.shutdown(socket.SHUT_WR)

            threading.Thread(target=send, daemon=True).start()
            came = bytearray()
            while data := here.recv(1 << 16):
                came += data
            assert bytes(came) == sent
            assert relay.accepted == 1
