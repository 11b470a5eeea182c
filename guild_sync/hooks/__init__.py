"""Commands and services of the user's that are told of changes, each at least once.

Others call `journal.Journal`, which is an `events.ChangeListener`, told of each `events.Change`;
`delivery.deliver` and `waiting`, `trial.told`, `heartbeat.beating`, `notification.need_apprise`,
`addresses.shown`, and `configured.listeners`, `heartbeat` and `all_faults`, and read
`listener.Reply`.
"""
