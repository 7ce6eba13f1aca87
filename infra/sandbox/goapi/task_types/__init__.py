"""GoAPI's task types: the input, the price and the generator of each."""
