"""URLs have secrets in them: no part that may be one is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.hooks import addresses


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("json://127.0.0.1:8080/secret", "json://127.0.0.1:8080/***"),
        ("https://hc-ping.com/0b1c-secret", "https://hc-ping.com/***"),
        ("http://[::1]:80/secret?x=secret", "http://[::1]:80/***"),
        ("mailto://ann:secret@example.com", "mailto://example.com/***"),
        ("JSONS://ann:secret@example.com/x", "jsons://example.com/***"),
        ("json://example.com?secret", "json://example.com/***"),
        # A token stands where others have a host.
        ("slack://TokenA/TokenB/TokenC", "slack://***"),
        ("ntfy://secret-topic", "ntfy://***"),
        ("tgram://123456:secret/789", "tgram://***"),
        # A password that is not written as a URL's has to be.
        ("mailto://ann:12/34@example.com", "mailto://***"),
        ("mailto://ann:pa?ss@example.com", "mailto://***"),
        ("mailto://ann:pa#ss@example.com", "mailto://***"),
        ("mailto://ann:pa:ss", "mailto://***"),
        ("json://secret word/x", "json://***"),
        ("no URL at all, but secret", "***"),
    ],
)
def test_of_a_url_its_scheme_is_shown_and_what_is_surely_a_host(url: str, seen: str) -> None:
    assert addresses.shown(url) == seen


def test_what_a_service_says_is_shown_without_the_parts_of_its_url() -> None:
    url = "slack://bot@T1234/B5678/pa%2Fss%20word/#general"
    said = f"cannot POST to {url}, https://slack/T1234/B5678 with pa/ss word: error=404"
    masked = addresses.masked(said, url)
    assert masked == "cannot POST to ***, https://slack/***/*** with ***: error=404"


SECRET = st.text("abcXYZ019%/:@?#&=.-_~ ", min_size=4, max_size=20)


@given(SECRET, st.sampled_from(["json", "mailto", "slack", "https", "tgram"]))
def test_no_password_is_shown_whatever_is_in_it(secret: str, scheme: str) -> None:
    # Upper and lower case tell it from the host, which is shown.
    url = f"{scheme}://ann:Q{secret}Q@example.com/x"
    assert "Q" not in addresses.shown(url)


def test_variables_are_put_in_and_one_that_is_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "a/b")
    monkeypatch.delenv("OTHER", raising=False)
    assert addresses.expanded("slack://$TOKEN/${TOKEN}") == "slack://a/b/a/b"
    assert addresses.missing_variable("slack://$TOKEN/${TOKEN}") is None
    assert addresses.missing_variable("slack://${OTHER}/x") == "the variable OTHER is not set"


def test_a_password_with_a_dollar_is_not_taken_for_the_name_of_a_variable() -> None:
    missing = addresses.missing_variable("mailto://ann:pa$sword@example.com")
    assert missing and "sword" not in missing
