"""Commands of the user's that are told of changes, each at least once.

Others call `journal.Journal`, which is an `events.ChangeListener`, told of each `events.Change`;
`delivery.deliver`, and `hook.all_faults`.
"""
