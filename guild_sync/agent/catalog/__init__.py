"""Which runs are meant, what is known of them, and what people change of them.

Others call `find.select`, `one` and `run_ids`, `values.operation_name`, `describe.summary` and
`matching`, `changes.each`, `changing` and `write`, `trash.delete` and its parts,
`required.required_run` and `awaited`, `trials.deal_of`, `values.RunValues` and `names.offered`;
`names.unknown_names` by name alone.
"""
