"""A run before its operation starts: made, given its source code and what it requires.

Others call `stage.discard`, `restage.stage_in`, `requirements.resolve`, and
`spawn.start_runner`. `source`, `install` and `placing` are its parts.
"""
