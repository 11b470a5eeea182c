"""How long guild takes, beside the bare limits of what it works with."""
