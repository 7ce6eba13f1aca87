"""The end of a batch: its rule, the looks that find that it has ended, and its announcement."""
