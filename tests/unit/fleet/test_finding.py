"""Which remote has the run that a word names: `gpu1:3` says it, an id is looked for."""

from __future__ import annotations

import pytest

from guild_sync.errors import UsageError
from guild_sync.fleet.finding import Located, located
from guild_sync.hosts.base import Host

NAMES = ("gpu1", "gpu2", "ssh:h", "ssh:h:22")


def nobody_is_asked(host: Host) -> dict[str, str]:
    raise AssertionError(f"{host.name} was asked")


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ([], {}),
        (["gpu1:3"], {"gpu1": ["3"]}),
        (["gpu1:1:5"], {"gpu1": ["1:5"]}),
        (["gpu2:", "gpu2:abc"], {"gpu2": ["", "abc"]}),
        (["gpu1:3", "gpu2:1", "gpu1:2"], {"gpu1": ["3", "2"], "gpu2": ["1"]}),
        (["ssh:h:3"], {"ssh:h": ["3"]}),
        (["ssh:h:22:3"], {"ssh:h:22": ["3"]}),
    ],
)
def test_a_word_with_a_remote_is_for_that_one_alone(
    specs: list[str], words: dict[str, list[str]]
) -> None:
    assert located(NAMES, specs, nobody_is_asked) == Located(words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "said", "hint"),
    [
        ("3", "'3' has an index, of which each remote has its own", "Say of which one: gpu1:3."),
        ("1:5", "'1:5' has an index", "Say of which one: gpu1:1:5."),
        (":5", "':5' has an index", "Say of which one: gpu1::5."),
        ("gpu3:1", "'gpu3:1' is a run of none of the remotes", "These are gpu1, gpu2, ssh:h, "),
        ("ssh:g:1", "'ssh:g:1' is a run of none of the remotes", "These are gpu1"),
    ],
)
def test_what_can_mean_no_run_is_said_before_anybody_is_asked(
    spec: str, said: str, hint: str
) -> None:
    with pytest.raises(UsageError) as error:
        located(NAMES, ["gpu1:1", spec], nobody_is_asked)  # type: ignore[arg-type]
    assert error.value.message.startswith(said)
    assert error.value.hint.startswith(hint)
