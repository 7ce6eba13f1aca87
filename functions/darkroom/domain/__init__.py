"""The words of the product as values: nothing here reads, writes, waits or calls."""
