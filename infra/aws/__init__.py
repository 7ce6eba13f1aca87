"""The stack on AWS, through the CDK: what is deployed, and who may do what."""
