"""The stack on AWS, defined with the CDK: what is deployed, and with which rights."""
