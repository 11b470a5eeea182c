"""Which runs are meant, what is known of them, and what people change of them.

Others call `find.select`, `one` and `run_ids`, `filters.operation_name`, `describe.summary` and
`matching`, `changes.each`, `changing` and `write`, `trash.delete` and its parts,
`required.required_run` and `awaited`, `trials.deal_of`, `looks.of`, `remembered.kept`. `names` is
called by name alone.
"""
