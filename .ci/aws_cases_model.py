"""The limits that AWS's own service model has for every member of every request: each is overstepped in turn."""
import json
import uuid

from aws_cases_kit import case, create, queue, raw, secrets, sqs


def wrong(shape):
    """Yields values that a shape does not allow, with the reason. Patterns are left to the cases that name them."""
    m = shape.metadata
    if shape.type_name == "string":
        if m.get("min", 0) > 1:
            yield "x" * (m["min"] - 1), "too short"
        if m.get("max", 10**6) <= 100_000:
            yield "x" * (m["max"] + 1), "too long"
        if m.get("enum"):
            yield "nobody", "no such word"
    elif shape.type_name in ("integer", "long"):
        for bound, by in (("min", -1), ("max", 1)):
            if bound in m:
                yield m[bound] + by, "out of range"
    elif shape.type_name == "list":
        fine = {"string": "x" * max(1, shape.member.metadata.get("min", 1))}.get(shape.member.type_name)
        if fine and m.get("max", 10**6) <= 1000:
            yield [fine] * (m["max"] + 1), "too many"
        if m.get("min", 0) > 0:
            yield [], "too few"
        for bad, why in wrong(shape.member):
            yield [bad], why
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            for bad, why in wrong(member):
                yield {name: bad}, f"{name} {why}"


def good(client, target, version):
    """A request per operation that would be accepted, as far as its members are concerned."""
    if target == "AmazonSQS":
        url = queue()
        sqs.send_message(QueueUrl=url, MessageBody="x")
        return {"QueueUrl": url, "MessageBody": "x", "ReceiptHandle": sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]}
    name, _ = create()
    return {"SecretId": name, "Name": "cases/" + uuid.uuid4().hex, "SecretString": "x", "ClientRequestToken": str(uuid.uuid4()),
            "VersionStage": "A", "Tags": [], "TagKeys": [], "AddReplicaRegions": [{"Region": "us-east-1"}],
            "RemoveReplicaRegions": ["us-east-1"], "ResourcePolicy": "{}"}


def overstep(client, target, version):
    model = client.meta.service_model
    accepted = []
    for op in sorted(model.operation_names):
        shape = model.operation_model(op).input_shape
        if not shape:
            continue
        body = {k: v for k, v in good(client, target, version).items() if k in shape.members}
        for missing in shape.required_members:
            status, _, answer = raw(f"{target}.{op}", {k: v for k, v in body.items() if k != missing}, version)
            if status < 400:
                accepted.append(f"{op} without {missing}")
        for name, member in shape.members.items():
            for bad, why in wrong(member):
                status, _, answer = raw(f"{target}.{op}", {**body, name: bad}, version)
                if status != 400:
                    accepted.append(f"{op} with {name} {why}: {status} {json.dumps(bad)[:60]} {json.dumps(answer)[:160]}")
    assert not accepted, "\n".join(accepted)


@case("every limit of the service model of Secrets Manager is held")
def _():
    overstep(secrets, "secretsmanager", "1.1")


@case("every limit of the service model of SQS is held")
def _():
    overstep(sqs, "AmazonSQS", "1.0")
