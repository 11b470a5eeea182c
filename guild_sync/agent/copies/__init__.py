"""Copies of a remote's runs: their marks, their stamps, and who is to be asked.

`marks` is written before and after a copy, `survey` asks a remote, `tracked` tells which runs
here are to be asked for, `expected` which are to come here; `notes` merges what people wrote,
`copied` tells which files came from there. All are called by name alone, but for
`marks.incoming_folder` and `expected.expected`. `stamps` tells whether a run has changed,
`sample` how well it packs, and `cleaned` removes those that are elsewhere and have not.
"""
