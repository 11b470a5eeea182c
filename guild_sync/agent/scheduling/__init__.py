"""Runs that are jobs of a scheduler: submitted once, asked after, ended.

What a scheduler is to all others has its face in `face`; which job a run is, `records` knows. What
a job can ask for is read by `options`. `submitting` has a run be a job, `arrays` the trials of
a batch, `claims` is what the runner of one knows of that.
`jobscript` has the text of what a job runs, `calling` calls what programs a scheduler has.
"""
