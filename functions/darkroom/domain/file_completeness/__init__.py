"""Whether a file is complete, by the end that its format defines."""
