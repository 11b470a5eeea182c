"""What `guild run` does around a start: reads what is asked for, asks, deals, brings home.

Others call `asked.request_of` for what a command line asks for, `question.confirmed` to show it and
ask, `several.batch_of` and `several.deal` for a batch over several remotes, `home.bring` for what
was run elsewhere.
"""
