"""config.yml and the guild home.

Others call `remotes.remote` and `remotes.remotes` for frozen `Remote` records, `file.load`,
`file.refuse` and `schema.fits` for other parts of the file, `selection.Selection`, and
`home.guild_home`.
"""
