"""Several remotes at a time: named by one word, asked side by side.

Others call `naming.names` and `means_several` for the remotes that `-r` means; `asking.asked` for
what each of them answers to a question, and `replies` for that as it comes; `finding.located` for
which of them has a run; `listing.newest_first` for one list of their runs;
`freest.freest` for the one that a run goes to.
"""
