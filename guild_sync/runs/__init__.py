"""Runs on a host: planned, made, started, watched, stopped.

Others call `plan.plan` with a `resolve.Request` for a `launch.Launch`; `start.stage`, `start` and
`run_local` to make it so, and `make_from` with a `sent.SentProject` where only a trial is left of
the launch; `person.mine` for whose runs are one's own; `tracking.not_here_yet` and `forget`,
`watch.watch`, `follow.Outputs` and `stop.stop`.
"""
