"""The command `darkroom`: for environments on this machine and on AWS."""
