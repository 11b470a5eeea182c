"""The host itself: its processes and environments, what it lacks, and its agents' folders.

Others call `processes`, `operation_process`, `children.agent_argv` and what it asks programs by,
`environment.Environment`, `uv_of` and `user_name`, `folder.digest` and `folder.is_whole`, and
`abilities`. `checkup`, `initialize` and `upkeep` are called by name alone; `python` is asked where
an operation starts.
"""
