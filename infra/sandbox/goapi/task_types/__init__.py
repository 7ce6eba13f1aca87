"""The table of GoAPI's tasks: input, price and generator of each."""
