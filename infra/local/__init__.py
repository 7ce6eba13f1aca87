"""The deployed stack on one machine: moto in server mode, Lambda functions in processes."""
