"""Runs that are jobs: their scheduler asked after them, their ends found, told and shown.

Others call `looks.look` and `look_once`, `verdicts.may_end` and `has_end`, `stopping.stop` and
`is_killed`, `shown.form`, and of `batches` `settle` and `is_passed_over`.
"""
