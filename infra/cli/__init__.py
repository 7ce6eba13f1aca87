"""The command `darkroom`: how people reach an environment, here or on AWS."""
