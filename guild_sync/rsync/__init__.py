"""rsync: what it is given, what it says, and what its ends mean.

Others call `copies.pull`, `push` and `plan`, `channels.lanes` and `round_trip`,
`comparing.compare`, `sending.send_folder` and `send_named`, `output.OnProgress`,
`failures.WRONG_PATH` and `INSTALL_NEWER`, `argv.LEAST_VERSION` and `packing`, and know
`lanes.Large`.
"""
