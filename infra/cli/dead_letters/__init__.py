"""Dead letters: what they say, and how they are sent again."""
