"""The first steps: a guild.yml for the modules of a folder, a remote for the config file.

Others call `modules.programs_in` for what a folder has, `first_guildfile.text_of` and `written` for
the file of that (`packages.REQUIREMENTS` is what says which packages it needs); `adding.add` for a
remote that the config file is to have, `ssh_hosts.hosts` for the names that ssh knows.
"""
