"""Programs and ssh: argv, exit codes, time limits.

Others call `process.run`, `stream`, `foreground`, `become` and `deadline`, the one gate to
programs; `ssh.run` and its kin, `connection.login_of` and its kin, `login.log_in`,
`ssh_config.plain_path`, `ssh_failures.failure`; `background.begun` and `in_turn`;
`ports.forward`.
"""
