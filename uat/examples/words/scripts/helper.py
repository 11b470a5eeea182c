name = "a helper"
