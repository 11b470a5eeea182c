"""A run before its operation starts: made, given its source code and what it requires.

Others call `stage.make` and `discard`, `restage.stage_in`, `meeting.meet`,
`requirements.add_files`, and `spawn.start_runner`. `source`, `install`, `given`,
`placing`, `selecting`, `archives` and `fetching` are its parts.
"""
