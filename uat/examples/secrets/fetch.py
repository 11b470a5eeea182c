"""Would ask a service; what it says of its token is how long that is."""

import os

what = "news"

print("asking for", what, "with a token of", len(os.environ.get("API_TOKEN", "")), "characters")
