"""config.yml and the guild home.

Others call `remotes.remote` and `remotes.remotes` for frozen `Remote` records, `file.load`,
`schema.fits` for other parts of the file, `faults.Place` for what is wrong in one,
`selection.Selection`, and `home.guild_home`.
"""
