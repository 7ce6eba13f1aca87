"""The ports on AWS, through boto3: one file a service."""
