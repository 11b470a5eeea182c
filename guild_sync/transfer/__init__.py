"""Runs copied home or away: status, mark, copy, settle, in this order.

Others call `survey.survey`, `pull.pull` and `warn_of`, and `pulled.Pulled`,
`push.push`, `verify.asked` and `verified`, `mend.mended`, `clean.sorted_out`, `verified` and
`removed`, `room.Room`, `archive.into` and `copying.warn_of`.
"""
