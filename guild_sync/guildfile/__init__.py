"""The language of guild.yml, read into the records of `project/definitions.py`.

Others call `reader.load` and `reader.of_script` for a `Project`, and `batch_files` for what is in a
batch file; the manual is made from `keys.GROUPS`, and `schema.schema` is what editors check the
file by.
"""
