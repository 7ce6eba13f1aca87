"""What moto leaves out or gets wrong, added while a local environment is up."""
