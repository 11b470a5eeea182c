"""This machine or a remote, asked the same way.

Others call `choose.host` and `remote_host` for a `base.Host`, that is a `local.LocalHost` or a
`remote.RemoteHost`; `locking.remote_lock`; `initialize.initialize`; and the functions of
`sandbox`.
"""
