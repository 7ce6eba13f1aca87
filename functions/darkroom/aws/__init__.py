"""The ports on AWS, through boto3; each file one service."""
