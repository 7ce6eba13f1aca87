"""`darkroom put --apply` and `--existing`: for photos that lie in the input bucket already."""
