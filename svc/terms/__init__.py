"""The terms of texts, by which a search finds words: making, storing and counting them."""
