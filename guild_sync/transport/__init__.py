"""Programs, ssh and rsync: argv, exit codes, time limits.

Others call `process.run`, `stream`, `foreground` and `deadline`, the one gate to programs;
`ssh.run` and its kin; `rsync.pull`, `push` and `plan`; `background.begun` and `in_turn`.
`*_argv` and `*_config` say what is run, `*_failures` what its end means.
"""
