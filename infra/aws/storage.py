"""Everything stateful: the two buckets, the table, the providers' secrets.

A deployment must never replace a resource of this file: renaming a construct here deletes the data
of the old one.
"""

from aws_cdk import Duration, RemovalPolicy, SecretValue, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from darkroom.aws.dynamodb_indexes import INDEXES
from darkroom.domain.object_keys import WORK_PREFIX
from infra.aws.environments import PROVIDERS, Environment

# The value of a new secret: the provider is not set up.
NOT_SET_UP = "{}"


def removal_policy(environment: Environment) -> RemovalPolicy:
    """Whether CloudFormation deletes stored data with the stack.

    Resources that are kept are deleted only if the deployment that creates them is rolled back:
    their names are fixed, and an empty leftover would make the next deployment fail.
    """
    if environment.keep:
        return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    return RemovalPolicy.DESTROY


class Storage(Construct):
    """Buckets, table and secrets of one environment; existing buckets if it names some.

    `key` encrypts all of them but existing buckets; without it, AWS's own keys do.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: Environment,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        removal = removal_policy(environment)
        self.input_bucket = self._input_bucket(environment, removal)
        self.output_bucket = self._output_bucket(environment, removal)
        self.table = self._table(environment, removal)
        self.secrets = {
            provider: self._secret(environment, provider, removal) for provider in PROVIDERS
        }

    def _input_bucket(self, environment: Environment, removal: RemovalPolicy) -> s3.IBucket:
        if environment.input_bucket:
            return s3.Bucket.from_bucket_name(self, "InputBucket", environment.input_bucket)
        rules = [_expire_old_versions(environment)]
        bucket = self._bucket("Input", environment, removal, rules)
        _notify_event_bridge(bucket)
        return bucket

    def _output_bucket(self, environment: Environment, removal: RemovalPolicy) -> s3.IBucket:
        if environment.output_bucket:
            return s3.Bucket.from_bucket_name(self, "OutputBucket", environment.output_bucket)
        rules = [_expire_old_versions(environment), _expire_work(environment)]
        return self._bucket("Output", environment, removal, rules)

    def _bucket(
        self,
        role: str,
        environment: Environment,
        removal: RemovalPolicy,
        lifecycle: list[s3.LifecycleRule],
    ) -> s3.Bucket:
        # Where the environment pins both, the name is a plain one, by which CloudFormation can take
        # a kept bucket back ("Import AWS resources into a CloudFormation stack automatically").
        stack = Stack.of(self)
        name = f"{environment.stack_name}-{role.lower()}-{stack.account}-{stack.region}"
        return s3.Bucket(
            self,
            f"{role}Bucket",
            bucket_name=name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            # With a bucket key, S3 asks KMS once for many objects.
            bucket_key_enabled=True if self._key else None,
            encryption=s3.BucketEncryption.KMS if self._key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._key,
            enforce_ssl=True,
            lifecycle_rules=lifecycle,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal,
            versioned=True,
        )

    def _table(self, environment: Environment, removal: RemovalPolicy) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Table",
            table_name=environment.stack_name,
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            deletion_protection=environment.keep,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self._key else None,
            encryption_key=self._key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal,
            time_to_live_attribute="expires_at",
        )
        for name, index in INDEXES.items():
            table.add_global_secondary_index(
                index_name=name,
                partition_key=_text(index.partition),
                sort_key=_text(index.sort),
                projection_type=dynamodb.ProjectionType.INCLUDE
                if index.shows
                else dynamodb.ProjectionType.KEYS_ONLY,
                non_key_attributes=list(index.shows) or None,
            )
        return table

    def _secret(
        self, environment: Environment, provider: str, removal: RemovalPolicy
    ) -> secretsmanager.Secret:
        # CloudFormation writes a secret's value only when the template's value changes. This one
        # is constant, so a value that a user sets survives every later deployment.
        return secretsmanager.Secret(
            self,
            f"{provider.capitalize()}Secret",
            secret_name=environment.secret_name(provider),
            description=f"Credentials for {provider}, a JSON object; {{}} is not set up.",
            encryption_key=self._key,
            removal_policy=removal,
            secret_string_value=SecretValue.unsafe_plain_text(NOT_SET_UP),
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _expire_old_versions(environment: Environment) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="forget-replaced",
        abort_incomplete_multipart_upload_after=Duration.days(7),
        expired_object_delete_marker=True,
        noncurrent_version_expiration=Duration.days(environment.noncurrent_days),
    )


def _expire_work(environment: Environment) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="forget-work",
        prefix=WORK_PREFIX,
        expiration=Duration.days(environment.work_days),
        noncurrent_version_expiration=Duration.days(1),
    )


def _notify_event_bridge(bucket: s3.Bucket) -> None:
    # The construct's own `event_bridge_enabled` deploys a Lambda function that sets what this
    # property of the bucket sets too.
    resource = bucket.node.default_child
    if not isinstance(resource, s3.CfnBucket):  # pragma: no cover - the CDK made it
        msg = "a bucket without its CloudFormation resource"
        raise TypeError(msg)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )
