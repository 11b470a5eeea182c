"""Runs copied home or away: status, mark, copy, settle, in this order.

Others call `survey.survey`, `pull.pull`, `push.push`, `room.Room`, `archive.into`,
`copying.warn_of` and `copying.warn_of_unreadable`.
"""
