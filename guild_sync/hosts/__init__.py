"""This machine or a remote, asked the same way.

Others call `choose.host` and `remote_host` for a `base.Host`, that is a `local.LocalHost` or a
`remote.RemoteHost`: an `agent.AgentClient` with a method for each function of the agent.
`archive.ArchiveHost` is that of an archive's runs. Also `base.option` for a hint's ` -r NAME` and
`base.on` for a message's ` on NAME`, `locking.remote_lock`, the functions of `initialize`, and
those of `sandbox`.
`bootstrap` and `frames` are how a remote's agent is begun and understood.
"""
