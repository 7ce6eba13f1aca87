"""What an upload will cost, before it is paid, and what tasks have cost."""
