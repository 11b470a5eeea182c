"""What runs are given, kept once for all of them: files by the SHA-256 of their contents.

Others call `kept` for the contents, `inputs` for what a run was given of them, `placed` to give
it some, `receiving` for what was sent, `unused` for what goes again. `digests` is called by name,
and has the digest of one file for others.
Nothing here knows an operation or a remote.
"""
