"""What the cases of aws_cases.py have in common: a registry, clients, names, and how a refusal is checked."""
import json
import os
import time
import urllib.error
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

once = Config(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=60)
sqs = boto3.client("sqs", config=once)
secrets = boto3.client("secretsmanager", config=once)
region = os.environ["AWS_REGION"]
cases = {}
_made, _queues = [], []


def case(name):
    """Registers a case. The ids that begin a name are our own numbering of what AWS documents."""

    def register(run):
        assert name not in cases, name
        cases[name] = run
        return run

    return register


def equal(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def refused(code, call, *words, status=400):
    """Checks that a call ends in an error, and returns the error's text."""
    try:
        answer = call()
    except ClientError as e:
        got, text = e.response["Error"]["Code"], e.response["Error"].get("Message", "")
        assert got in (code if isinstance(code, tuple) else (code,)), f"{got}, want {code}: {text}"
        equal(e.response["ResponseMetadata"]["HTTPStatusCode"], status, "status")
        for word in words:
            assert word in text, f"{text!r} does not say {word!r}"
        return text
    raise AssertionError(f"succeeded with {answer}, want {code}")


def raw(target, body, version="1.1"):
    """Sends what an SDK would complete. Returns status, headers and the JSON."""
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), {
        "X-Amz-Target": target, "Content-Type": "application/x-amz-json-" + version,
        "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{region}/any/aws4_request, SignedHeaders=host, Signature=0",
    })
    try:
        with urllib.request.urlopen(request, timeout=60) as r:
            return r.status, r.headers, json.load(r)
    except urllib.error.HTTPError as e:
        return e.code, e.headers, json.load(e)


def eventually(look, seconds=60):
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.1)


# Secrets Manager.

def fresh():
    name = "cases/" + uuid.uuid4().hex
    _made.append(name)
    return name


def token():
    return str(uuid.uuid4())


def create(value="one", **more):
    """Creates a secret and returns its name and the version of its value."""
    name = fresh()
    if value is not None:
        more["SecretString"] = value
    return name, secrets.create_secret(Name=name, **more).get("VersionId")


def put(name, value, *stages):
    more = {"VersionStages": list(stages)} if stages else {}
    return secrets.put_secret_value(SecretId=name, SecretString=value, **more)["VersionId"]


def move(name, label, old=None, new=None):
    more = {"RemoveFromVersionId": old, "MoveToVersionId": new}
    secrets.update_secret_version_stage(SecretId=name, VersionStage=label, **{k: v for k, v in more.items() if v})


def value(name, **which):
    return secrets.get_secret_value(SecretId=name, **which)["SecretString"]


def describe(name):
    return secrets.describe_secret(SecretId=name)


def stages(name):
    return {v: sorted(s) for v, s in describe(name).get("VersionIdsToStages", {}).items()}


# SQS.

def queue(fifo=False, **attributes):
    name = "cases-" + uuid.uuid4().hex
    if fifo:
        name += ".fifo"
        attributes["FifoQueue"] = "true"
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    _queues.append(url)
    return url


def attributes(url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def arn(url):
    return attributes(url)["QueueArn"]


def send(url, body="x", **more):
    return sqs.send_message(QueueUrl=url, MessageBody=body, **more)


def receive(url, **more):
    return sqs.receive_message(QueueUrl=url, **more).get("Messages", [])


def one(url, **more):
    more = {"WaitTimeSeconds": 10, "MessageSystemAttributeNames": ["All"], **more}
    messages = receive(url, **more)
    equal(len(messages), 1, "messages")
    return messages[0]


def tidy():
    for name in _made:
        try:
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        except ClientError as e:  # a case that failed has left replicas
            print(e)
    for url in _queues:
        try:
            sqs.delete_queue(QueueUrl=url)
        except sqs.exceptions.QueueDoesNotExist:
            pass
