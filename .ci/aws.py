"""Drives a running sandbox's SQS and Secrets Manager with boto3. The environment is .sandbox/env."""
import json
import os
import time

import boto3

sqs = boto3.client("sqs")
secrets = boto3.client("secretsmanager")

management = json.loads(secrets.get_secret_value(SecretId="clientkeeper/management")["SecretString"])
assert management["client_id"] and management["client_secret"], management.keys()

queue, dead = os.environ["REGISTRATIONS_QUEUE_URL"], os.environ["REGISTRATIONS_DLQ_URL"]
bodies = {"https://stranger.example.org/c.json": "host_not_allowed", "not json": "message_not_json"}
for body in bodies:
    sqs.send_message(QueueUrl=queue, MessageBody=body)
found = {}
for _ in range(60):
    answer = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"], MaxNumberOfMessages=10, WaitTimeSeconds=1)
    for m in answer.get("Messages", []):
        found[m["Body"]] = m["MessageAttributes"]["clientkeeper.reason"]["StringValue"]
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=m["ReceiptHandle"])
    if len(found) == len(bodies):
        break
assert found == bodies, found

name = f"ci/{time.time_ns()}"
arn = secrets.create_secret(Name=name, SecretString="one")["ARN"]
secrets.put_secret_value(SecretId=arn, SecretString="two")
assert secrets.get_secret_value(SecretId=name)["SecretString"] == "two"
assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
print("boto3 finds both bad messages in the dead-letter queue with their reasons, and keeps a secret")

# A rotation of the management client's own secret, asked for as any AWS tool would, once the test that comes with its
# switching on has ended.
for _ in range(240):
    before = secrets.describe_secret(SecretId="clientkeeper/management")["VersionIdsToStages"]
    if not any("AWSPENDING" in stages for stages in before.values()):
        break
    time.sleep(0.25)
old = next(v for v, stages in before.items() if "AWSCURRENT" in stages)
new = secrets.rotate_secret(
    SecretId="clientkeeper/management",
    RotationLambdaARN=os.environ["ROTATE_SECRET_FUNCTION_ARN"],
    RotationRules={"AutomaticallyAfterDays": 30},
)["VersionId"]
assert new != old
for _ in range(480):
    after = secrets.describe_secret(SecretId="clientkeeper/management")
    if "AWSCURRENT" in after["VersionIdsToStages"].get(new, []) and after.get("LastRotatedDate"):
        break
    time.sleep(0.25)
stages = after["VersionIdsToStages"]
assert "AWSCURRENT" in stages[new] and stages[old] == ["AWSPREVIOUS"], stages
assert not any("AWSPENDING" in s and v != new for v, s in stages.items()), stages
rotated = json.loads(secrets.get_secret_value(SecretId="clientkeeper/management")["SecretString"])
assert rotated["client_id"] == management["client_id"] and rotated["client_secret"] != management["client_secret"]
print("boto3 rotates the management secret:", old[:8], "->", new[:8])
