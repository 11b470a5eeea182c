"""What an operation, or a package, declares in guild.yml: each kind of key read into records.

`guildfile.reader` calls them: `flags.flags_of`, `requirements.requirements_of`, `steps.steps_of`,
`sourcecode.source_code_of`, `package.package`, `operation_keys.with_keys`, and
`step_options`. Of where flags go, `destinations.is_nested` and `config_of` tell, and
`config_files.with_values`.
"""
