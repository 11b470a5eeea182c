"""What a runner is to do, worked out from an operation and its values: no host, no file.

Others call `job.job_of` and `single_job`, `command.command_of`, `label.label_of`, the functions of
`recipe` for a run that is to be made again, those of `opref` and `cluster`, `needs.request_of`, and
`notes.Notes`.
"""
