"""Which remote has the run that a word names: `gpu1:3` says it, an id is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rundirs import A, B, make

from guild_sync.agent.protocol import Filters, Listing
from guild_sync.errors import RemoteError, RunAmbiguous, UsageError
from guild_sync.fleet.finding import Located, located, matching
from guild_sync.hosts.base import Host
from guild_sync.hosts.local import LocalHost

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


class Liar(LocalHost):
    """A remote that has these runs for whatever is asked for."""

    name = "liar"

    def __init__(self, home: str, ids: Sequence[str]) -> None:
        super().__init__(home)
        self._ids = ids

    def list_runs(
        self,
        specs: Sequence[str] = (),
        limit: int | None = None,
        filters: Filters | None = None,
        deleted: bool = False,
        whole: bool = False,
        with_others: bool = False,
        counted: bool = True,
        short: bool = False,
    ) -> Listing:
        return super().list_runs(self._ids)


def test_a_run_is_matched_by_its_id_or_the_beginning_of_it(tmp_path: Path) -> None:
    for run_id in (A, B, "a" * 31 + "b"):
        make(tmp_path, run_id, started=1)
    here = LocalHost(str(tmp_path))
    assert matching(here, B, {}) == [B]
    assert matching(here, "bb", {}) == [B]
    assert matching(here, "c", {}) == []
    assert matching(here, B, {"status": ["running"]}) == []
    assert isinstance(matching(here, "aa", {}), RunAmbiguous)


def test_a_remote_has_no_other_run_replaced_than_the_one_that_is_named(tmp_path: Path) -> None:
    make(tmp_path, A)
    make(tmp_path, B)
    assert matching(Liar(str(tmp_path), [A]), "aa", {}) == [A]
    for offered in ([B], [A, B], []):
        with pytest.raises(RemoteError, match="other runs for 'aa' than were asked for"):
            matching(Liar(str(tmp_path), offered), "aa", {})
