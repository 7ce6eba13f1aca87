"""The product's data types and rules: values and functions without I/O, clocks or state."""
