"""What works where the runs are, here or on a remote: stdlib only, Python 3.8 or newer.

Others ask it through `calls`, in the forms of `protocol`; `errors` has what it refuses. `json_text`
and `forms` read what either end sends, `columns` and `value_words` what people write;
`trees` removes and copies folders. `serve` and `__main__` are its process on a remote; `shell` is a
person's, in a run.
"""
