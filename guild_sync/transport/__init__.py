"""Programs, ssh and rsync: argv, exit codes, time limits.

Others call `process.run`, `stream`, `foreground` and `deadline`, the one gate to programs;
`ssh.run` and its kin, `ssh_config.plain_path`, `ssh_failures.failure`; `rsync.pull`, `push` and
`plan`; `background.begun` and `in_turn`.
"""
