"""The page of the config file: every key, with what it means and what counts without it."""

from __future__ import annotations

from guild_sync.manual import config_keys
from guild_sync.manual.keys_page import KeysPage

_CONFIG = """
The file ~/.guild/config.yml, or the one that GUILD_CONFIG names, is YAML: which remotes there are,
and who is told of what.

  remotes:
    gpu1:
      type: ssh
      host: gpu1.example.com
    gpu2:
      extends: gpu1
      host: gpu2.example.com

~ and variables are expanded in paths here, host, user, proxy and proxy-jump; relative paths start
at the file's folder. Paths on the remote start at the login's home there. One message names every
fault of the file with its place.
"""


def page() -> KeysPage:
    """The page."""
    groups = [
        (f"Keys of {group}", [(name, _about(key)) for name, key in known.items()])
        for group, known in config_keys.GROUPS.items()
    ]
    others = ("guild-remotes(1)", "guild-remote(1)", "guild-check(1)", "guild.yml(5)")
    about = "remotes, and who is told of what"
    return KeysPage("guild-config", about, "manual/config_keys.py", _CONFIG, groups, others)


def _about(key: config_keys.ConfigKey) -> str:
    return f"{key.about} Default: {key.default}." if key.default else key.about
