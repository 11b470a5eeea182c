"""Runs that consist of others: these made, linked and checked.

`children` makes the runs of a series, `links` finds those that it has, `checks` is what is expected
of steps, and `arrays` makes the trials of a batch whose runs are jobs.
"""
