print("all words")
