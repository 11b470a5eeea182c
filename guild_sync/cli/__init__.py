"""Command lines: read by docopt, completed by shells, printed as manual pages.

Others call `table.COMMANDS`, `usage` and `module_of`; `arguments.parse`, `filters` and
`selection`; `choosing.choose` and `change_runs`; `several.one_run` and `ask` for runs of
several remotes; `completion.complete`, with the words that `shells` takes and gives; and
`manual.pages`.
"""
