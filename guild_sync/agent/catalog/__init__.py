"""Which runs are meant, what is known of them, and what people change of them.

Others call `find.select`, `one` and `run_ids`, `filters.operation_name`, `describe.summary` and
`matching`, `changes.each`, `changing` and `write`. `names`, `ranking` and `trash` are called by
name alone.
"""
