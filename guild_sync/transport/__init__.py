"""Programs and ssh: argv, exit codes, time limits.

Others call `question.run`, `watched.run`, `stream`, `foreground`, `become` and `prepare`, the one
gate to programs, and `process.deadline`; `ssh.run` and its kin, `connection.login_of` and its
kin, `login.log_in`, `ssh_config.plain_path`, `ssh_failures.failure`; `background.begun`,
`in_turn` and `with_files`; `ports.Forwarding`; `known.note` and `known_of`, and `programs`, of what
makes copies fast.
"""
