"""Runs put into archives and taken out of them; their makers are not trusted.

Others call `members` for what is in an archive of any kind, and `unpacking` to put it into a
folder. `looking`, `exporting` and `importing` are called by name alone; `writing` and `zstd` are
their parts.
"""
