"""Command lines: read by docopt, completed by shells, their usages read.

Others call `table.COMMANDS`, `usage`, `module_of` and `meant`; `arguments.parse`, `filters` and
`selection`; `choosing.choose` and `change_runs`; `several` where `-r` may name several remotes, and
`looking.HostAnswers` where hosts are asked again and again; `completion.complete`, with the words
that `shells` takes and gives; and `usages`, which says what is in a usage.
"""
