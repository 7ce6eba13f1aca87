"""What the commands on tasks share: finding, selecting, acting on and showing them."""
