"""Pages of the manual as roff: commands, guild.yml, the config file.

Others call `pages.pages` and `topic`; `config_keys` says what each key of the config file means.
"""
