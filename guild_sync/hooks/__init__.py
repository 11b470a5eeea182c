"""Commands of the user's that are told of changes, each at least once.

Others call `journal.Queue`, which is an `events.Journal` of each `events.Change`;
`delivery.deliver`, and `hook.hooks`.
"""
