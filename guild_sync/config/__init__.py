"""config.yml and the guild home.

Others call `remotes.remote` and `remotes.usable` for frozen `Remote` records, `file.load`,
`schema.fits` for other parts of the file, `faults.Place` for what is wrong in one,
`faults.refusal` to say so, `texts.is_one_line` and `texts.nearest`, `durations.seconds_of`,
`selection.Selection`, `limits.keep_free`, `texts.is_value`, `sections.section` for what
stands at the top of the file, `groups.groups` for sets of remotes, `yaml_text.yaml_error` for
what is no YAML, and `home.guild_home`.
"""
