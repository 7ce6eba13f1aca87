"""Where Darkroom runs: on AWS, and on one machine; the providers' sandboxes, and the command."""
