"""Environments that projects' requirements are installed in: once, for all runs that need the same.

An environment lies over the one that a remote names, its base: what that has is used, and what it
lacks is here. `provide` finds or makes the one that a run needs, `kept` knows which there are.
Others call these, `asked.base_of`, `asked.told` and `wheels.unpack`; the rest are their parts.
"""
