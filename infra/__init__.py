"""Where Darkroom runs: AWS through CDK, one machine through the local environment, the command."""
