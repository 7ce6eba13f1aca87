"""What is stored, and how: buckets, table, secrets, and what happens to them with the stack."""

import tomllib
from collections.abc import Mapping

import pytest

from infra.aws.environments import PROVIDERS
from tests.infra.conftest import OWN, Synthesis
from tests.infra.template import Template, references

KEY_ARN = tomllib.loads(OWN.read_text("utf-8"))["bank"]["kms_key_arn"]
STORED = {"S3::Bucket", "DynamoDB::Table", "SecretsManager::Secret", "SQS::Queue"}


@pytest.mark.parametrize("name", sorted(STORED))
def test_data_of_production_outlives_its_stack(prod: Template, name: str) -> None:
    """Files, tasks, credentials and messages are only deleted by hand."""
    kept = {each.body.get("DeletionPolicy") for each in prod.of_type(name)}
    assert kept == {"RetainExceptOnCreate"}
    replaced = {each.body.get("UpdateReplacePolicy") for each in prod.of_type(name)}
    assert replaced == {"Retain"}


@pytest.mark.parametrize("name", sorted(STORED))
def test_data_of_a_development_stack_is_deleted_with_it(
    templates: Mapping[str, Template], name: str
) -> None:
    """Nothing is left that would stop the next stack with the same names."""
    policies = {each.body.get("DeletionPolicy") for each in templates["dev"].of_type(name)}
    assert policies == {"Delete"}


def test_key_of_the_user_encrypts_all_that_is_stored(templates: Mapping[str, Template]) -> None:
    """Buckets, table, queues, secrets and logs."""
    bank = templates["bank"]
    (table,) = bank.of_type("DynamoDB::Table")
    keys = [
        *(each.get("KmsMasterKeyId") for each in bank.of_type("SQS::Queue")),
        *(each.get("KmsKeyId") for each in bank.of_type("SecretsManager::Secret")),
        *(each.get("KmsKeyId") for each in bank.of_type("Logs::LogGroup")),
        *(
            rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
            for bucket in bank.of_type("S3::Bucket")
            for rule in bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ),
        table["SSESpecification"]["KMSMasterKeyId"],
    ]
    assert set(keys) == {KEY_ARN}
    assert all(each.get("SqsManagedSseEnabled") is None for each in bank.of_type("SQS::Queue"))
    assert not bank.of_type("KMS::Key")


def test_existing_buckets_are_used_and_not_changed(synthesis: Synthesis) -> None:
    """The functions read and write them, the rule listens to them, and the stack owns nothing."""
    guest = synthesis.guest
    assert not guest.of_type("S3::Bucket")
    assert not guest.of_type("S3::BucketPolicy")
    rule = guest.one("Events::Rule", "Uploads")
    assert rule["EventPattern"]["detail"] == {"bucket": {"name": ["shop-photos"]}}
    variables = guest.variables("submit")
    assert variables["DARKROOM_INPUT_BUCKET"] == "shop-photos"
    assert variables["DARKROOM_OUTPUT_BUCKET"] == "shop-results"
    allowed = guest.allowed(guest.role(guest.function("submit")))
    assert allowed["s3:GetObjectVersion"] == {"arn:<AWS::Partition>:s3:::shop-photos/*"}
    assert allowed["s3:PutObject"] == {"arn:<AWS::Partition>:s3:::shop-results/*"}
    outputs = {name: each["Value"] for name, each in guest.body["Outputs"].items()}
    assert (outputs["InputBucket"], outputs["OutputBucket"]) == ("shop-photos", "shop-results")


def test_table_has_deletion_protection_in_production_only(
    templates: Mapping[str, Template],
) -> None:
    """It prevents mistakes in production, and would prevent the clean-up of a test."""
    assert templates["prod"].one("DynamoDB::Table")["DeletionProtectionEnabled"] is True
    assert not templates["dev"].one("DynamoDB::Table").get("DeletionProtectionEnabled")


@pytest.mark.parametrize("word", ["Input", "Output"])
def test_buckets_are_private_versioned_and_encrypted(template: Template, word: str) -> None:
    """An overwritten photo can be restored, and nobody outside the account reads it."""
    bucket = template.one("S3::Bucket", word)
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    policy = template.one("S3::BucketPolicy", word)
    assert references(policy["Bucket"]) == {bucket.id}
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert any(
        rule.get("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 7} for rule in rules
    )
    assert any(rule.get("NoncurrentVersionExpiration") == {"NoncurrentDays": 90} for rule in rules)


def test_only_raw_answers_expire(template: Template) -> None:
    """No current photo or result ever does."""
    expiring = [
        (bucket.id, rule.get("Prefix"))
        for bucket in template.of_type("S3::Bucket")
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule
    ]
    assert expiring == [(template.one("S3::Bucket", "Output").id, "_darkroom/work/")]


def test_table_has_an_index_for_each_query(template: Template) -> None:
    """What is due, what is below a folder, what needs attention: each without a scan.

    None shows the task itself, so that most writes of a task write no index.
    """
    table = template.one("DynamoDB::Table")
    assert _keys(table["KeySchema"]) == {"HASH": "pk", "RANGE": "sk"}
    assert {
        each["IndexName"]: _keys(each["KeySchema"]) for each in table["GlobalSecondaryIndexes"]
    } == {
        "by-due": {"HASH": "due", "RANGE": "due_at"},
        "by-key": {"HASH": "tree", "RANGE": "tree_key"},
        "by-batch": {"HASH": "batch", "RANGE": "tree_key"},
        "by-attention": {"HASH": "attention", "RANGE": "updated_at"},
    }
    assert {each["IndexName"]: each["Projection"] for each in table["GlobalSecondaryIndexes"]} == {
        "by-due": {"ProjectionType": "KEYS_ONLY"},
        "by-key": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["summary"]},
        "by-batch": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["summary"]},
        "by-attention": {"ProjectionType": "KEYS_ONLY"},
    }
    assert {each["AttributeType"] for each in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_deployment_never_changes_a_secret(template: Template) -> None:
    """The value in the template is constant, so CloudFormation writes it only at creation."""
    secrets = template.of_type("SecretsManager::Secret")
    assert {each["Name"] for each in secrets} == {
        f"darkroom/{template.environment}/{provider}" for provider in PROVIDERS
    }
    for secret in secrets:
        assert secret["SecretString"] == "{}"
        assert secret.get("GenerateSecretString") is None


def _keys(schema: list[dict[str, str]]) -> dict[str, str]:
    return {each["KeyType"]: each["AttributeName"] for each in schema}
