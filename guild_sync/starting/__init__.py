"""What `guild run` does around a start: reads what is asked for, asks, deals, brings home.

Others call `asked.request_of` for what a command line asks for, `question.confirmed` to show it and
ask, `several.batch_of` and `several.deal` for a batch over several remotes, `home.bring` for what
was run elsewhere; `shown.of_operation` and `of_launch` to show what would run, `trials.stage` for
a batch of which each trial is staged, `left_out.error_of` for options that there are not.
"""
