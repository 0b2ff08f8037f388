"""Secrets of Secrets Manager: names, deletion, lists, tags, policies, passwords, replicas."""
import json
import string
from datetime import datetime, timedelta, timezone

import boto3

from aws_cases_kit import (case, create, describe, equal, eventually, fresh, once, put, raw, refused, region, secrets,
                           stages, token, value)

NOT_FOUND, REQUEST, PARAMETER, INVALID = ("ResourceNotFoundException", "InvalidRequestException", "InvalidParameterException",
                                          "ValidationException")
MARKED = "marked for deletion"


@case("S19 S33 an unknown secret is ResourceNotFoundException, HTTP 400, in every operation")
def _():
    gone = {"SecretId": "cases/nobody"}
    for call, more in ((secrets.get_secret_value, {}), (secrets.describe_secret, {}), (secrets.list_secret_version_ids, {}),
                       (secrets.put_secret_value, {"SecretString": "x"}), (secrets.update_secret, {"SecretString": "x"}),
                       (secrets.update_secret_version_stage, {"VersionStage": "A", "MoveToVersionId": token()}),
                       (secrets.delete_secret, {}), (secrets.restore_secret, {}), (secrets.rotate_secret, {}),
                       (secrets.cancel_rotate_secret, {}), (secrets.tag_resource, {"Tags": []}),
                       (secrets.untag_resource, {"TagKeys": []}), (secrets.get_resource_policy, {}),
                       (secrets.put_resource_policy, {"ResourcePolicy": policy("111122223333")}),
                       (secrets.delete_resource_policy, {}),
                       (secrets.replicate_secret_to_regions, {"AddReplicaRegions": [{"Region": "us-east-1"}]}),
                       (secrets.remove_regions_from_replication, {"RemoveReplicaRegions": ["us-east-1"]}),
                       (secrets.stop_replication_to_replica, {})):
        refused(NOT_FOUND, lambda: call(**gone, **more), "Secrets Manager can't find the specified secret")
    status, _, answer = raw("secretsmanager.GetSecretValue", gone)
    equal((status, answer["__type"]), (400, NOT_FOUND))


@case("S20 a secret that is to be deleted can be described and restored, and nothing else")
def _():
    name, v1 = create()
    arn = describe(name)["ARN"]
    secrets.delete_secret(SecretId=name)
    for call, more in ((secrets.get_secret_value, {}), (secrets.put_secret_value, {"SecretString": "x"}),
                       (secrets.update_secret, {"Description": "x"}),
                       (secrets.update_secret_version_stage, {"VersionStage": "A", "MoveToVersionId": v1}),
                       (secrets.rotate_secret, {}), (secrets.cancel_rotate_secret, {}),
                       (secrets.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
                       (secrets.untag_resource, {"TagKeys": ["a"]}), (secrets.get_resource_policy, {}),
                       (secrets.put_resource_policy, {"ResourcePolicy": policy("111122223333")})):
        refused(REQUEST, lambda: call(SecretId=name, **more), MARKED)
    assert describe(name)["DeletedDate"]
    listed = lambda **m: [s["ARN"] for s in secrets.list_secrets(Filters=[{"Key": "name", "Values": [name]}], **m)["SecretList"]]
    equal((listed(), listed(IncludePlannedDeletion=True)), ([], [arn]))
    equal(secrets.restore_secret(SecretId=name)["ARN"], arn)
    equal((value(name), "DeletedDate" in describe(name), stages(name)), ("one", False, {v1: ["AWSCURRENT"]}))


@case("S49 the recovery window is 30 days, or 7 to 30, or none by force")
def _():
    name, _ = create()
    for bad in ({"RecoveryWindowInDays": 6}, {"RecoveryWindowInDays": 31},
                {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}):
        refused(PARAMETER, lambda: secrets.delete_secret(SecretId=name, **bad))
    for days, more in ((30, {}), (7, {"RecoveryWindowInDays": 7})):
        answer = secrets.delete_secret(SecretId=name, **more)
        sent = secrets.describe_secret(SecretId=name)["DeletedDate"]
        equal(answer["DeletionDate"], sent)
        left = sent - datetime.now(timezone.utc)
        assert timedelta(days=days, hours=-1) < left <= timedelta(days=days, minutes=5), left
        secrets.restore_secret(SecretId=name)


@case("S50 a missing secret may be deleted by force, and only by force")
def _():
    name = fresh()
    equal(secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)["Name"], name)
    refused(NOT_FOUND, lambda: secrets.delete_secret(SecretId=name))
    made, _ = create()
    secrets.delete_secret(SecretId=made)
    secrets.delete_secret(SecretId=made, ForceDeleteWithoutRecovery=True)
    refused(NOT_FOUND, lambda: describe(made))


@case("S51 a name that is to be deleted is taken")
def _():
    name, _ = create()
    secrets.delete_secret(SecretId=name)
    refused(REQUEST, lambda: secrets.create_secret(Name=name, SecretString="x"),
            "You can't create this secret because a secret with this name is already scheduled for deletion.")


@case("S53 a secret that is made again has another ARN, and is found by name, ARN and the ARN's beginning")
def _():
    name, _ = create("a value nobody else has")
    first = describe(name)["ARN"]
    assert first.startswith(f"arn:aws:secretsmanager:{region}:") and first[:-7].endswith(":secret:" + name), first
    for i in (name, first, first[:-7]):
        equal(value(i), "a value nobody else has")
    assert "a value nobody else has" not in repr(describe(name))
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=name, SecretString="x")
    assert describe(name)["ARN"] != first
    refused(NOT_FOUND, lambda: value(first))


@case("S52 names have 1 to 512 letters, digits and /_+=.@-")
def _():
    for bad in ("a b", "a!", "ü", "a:b", "a#", "a*"):
        refused(INVALID, lambda: secrets.create_secret(Name=bad, SecretString="x"), "Invalid name. Must be a valid name")
    for bad in ("", "x" * 513):
        refused((INVALID, PARAMETER), lambda: secrets.create_secret(Name=bad, SecretString="x"))
    name = fresh()
    odd = name + "/_+=.@-" + "x" * (505 - len(name))
    secrets.create_secret(Name=odd, SecretString="x")
    secrets.delete_secret(SecretId=odd, ForceDeleteWithoutRecovery=True)


@case("S57 LastAccessedDate is a day, and comes with the first read")
def _():
    name, _ = create()
    assert "LastAccessedDate" not in describe(name)
    value(name)
    day = describe(name)["LastAccessedDate"]
    equal(day.timestamp() % 86400, 0.0)
    assert "LastAccessedDate" in secrets.list_secret_version_ids(SecretId=name)["Versions"][0]


@case("S60 BatchGetSecretValue lists what it could not read, and succeeds")
def _():
    (a, _), (b, _), (gone, _) = create("a"), create("b"), create("c")
    secrets.delete_secret(SecretId=gone)
    got = secrets.batch_get_secret_value(SecretIdList=[a, "cases/nobody", b, gone])
    equal([(v["Name"], v["SecretString"], v["VersionStages"]) for v in got["SecretValues"]],
          [(a, "a", ["AWSCURRENT"]), (b, "b", ["AWSCURRENT"])])
    equal([(e["SecretId"], e["ErrorCode"]) for e in got["Errors"]], [("cases/nobody", NOT_FOUND), (gone, REQUEST)])
    batch = secrets.batch_get_secret_value
    refused(PARAMETER, lambda: batch(SecretIdList=[a], Filters=[{"Key": "name", "Values": ["x"]}]))
    refused(PARAMETER, lambda: batch())
    refused(PARAMETER, lambda: batch(SecretIdList=[a], MaxResults=1))
    refused(INVALID, lambda: batch(SecretIdList=[a] * 21))
    refused(INVALID, lambda: batch(Filters=[{"Key": "name", "Values": ["x"]}], MaxResults=21))


@case("BatchGetSecretValue reads by filter, in pages")
def _():
    stem = fresh()
    names = [f"{stem}-{i}" for i in range(5)]
    for n in names:
        secrets.create_secret(Name=n, SecretString=n)
    try:
        found, more = [], {}
        while True:
            page = secrets.batch_get_secret_value(Filters=[{"Key": "name", "Values": [stem]}], MaxResults=2, **more)
            assert len(page["SecretValues"]) <= 2
            found += [v["SecretString"] for v in page["SecretValues"]]
            if "NextToken" not in page:
                break
            more = {"NextToken": page["NextToken"]}
        equal(sorted(found), names)
    finally:
        for n in names:
            secrets.delete_secret(SecretId=n, ForceDeleteWithoutRecovery=True)


@case("S58 ListSecrets filters, sorts and turns pages")
def _():
    stem, key = fresh(), "team-" + token()
    made = []
    for i, (text, v) in enumerate([("Blue one", "x"), ("blue two", "y"), ("red", "xy")]):
        made.append(f"{stem}-{i}")
        secrets.create_secret(Name=made[-1], SecretString="s", Description=text, Tags=[{"Key": key, "Value": v}])
    try:
        def found(*filters, **more):
            filters = [{"Key": "name", "Values": [stem]}] + [{"Key": k, "Values": v} for k, v in filters]
            return [int(s["Name"][-1]) for s in secrets.list_secrets(Filters=filters, **more)["SecretList"]]

        for filters, want in (([("description", ["blue"])], [0, 1]), ([("tag-key", [key])], [0, 1, 2]),
                              ([("tag-key", [key.upper()])], []), ([("tag-value", ["x"])], [0, 2]),
                              ([("tag-value", ["x"]), ("description", ["Blue"])], [0]), ([("tag-value", ["!y"])], [0, 2]),
                              ([("tag-value", ["x", "y"])], [0, 1, 2]), ([("all", ["red"])], [2]),
                              ([("primary-region", [region])], [0, 1, 2]), ([("owning-service", ["any"])], [])):
            equal(sorted(found(*filters)), want, str(filters))
        equal(found(SortBy="name", SortOrder="desc"), [2, 1, 0])
        equal(found(SortBy="created-date", SortOrder="asc"), [0, 1, 2])
        put(made[0], "changed")
        equal(found(SortBy="last-changed-date", SortOrder="desc")[0], 0)
        first = secrets.list_secrets(Filters=[{"Key": "name", "Values": [stem]}], MaxResults=2)
        rest = secrets.list_secrets(Filters=[{"Key": "name", "Values": [stem]}], MaxResults=2, NextToken=first["NextToken"])
        equal([s["Name"] for s in first["SecretList"] + rest["SecretList"]], made)
        assert "NextToken" not in rest and "SecretVersionsToStages" in rest["SecretList"][0]
    finally:
        for n in made:
            secrets.delete_secret(SecretId=n, ForceDeleteWithoutRecovery=True)
    for bad in ({"MaxResults": 0}, {"MaxResults": 101}, {"SortOrder": "up"}, {"Filters": [{"Key": "size", "Values": ["1"]}]},
                {"Filters": [{"Key": "name", "Values": []}]}, {"Filters": [{"Key": "name", "Values": ["a"]}] * 11}):
        refused(INVALID, lambda: secrets.list_secrets(**bad))
    refused("InvalidNextTokenException", lambda: secrets.list_secrets(NextToken="what"))


@case("S59 a secret has 50 tags at most, with keys of 1 to 128 characters that do not begin with aws:")
def _():
    tags = lambda n, at=0: [{"Key": f"k{i}", "Value": str(i)} for i in range(at, at + n)]
    name, _ = create(Tags=tags(49))
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "k0", "Value": "changed"}, {"Key": "k49", "Value": ""}])
    refused((PARAMETER, "LimitExceededException"), lambda: secrets.tag_resource(SecretId=name, Tags=tags(1, 50)))
    equal({t["Key"]: t["Value"] for t in describe(name)["Tags"]},
          {**{f"k{i}": str(i) for i in range(49)}, "k0": "changed", "k49": ""})
    secrets.untag_resource(SecretId=name, TagKeys=[f"k{i}" for i in range(49)] + ["nobody"])
    equal(describe(name)["Tags"], [{"Key": "k49", "Value": ""}])
    for bad in ({"Key": "aws:x", "Value": ""}, {"Key": "", "Value": ""}, {"Key": "x" * 129, "Value": ""}, {"Key": "x", "Value": "x" * 257}):
        refused((PARAMETER, INVALID), lambda: secrets.tag_resource(SecretId=name, Tags=[bad]))
    refused(PARAMETER, lambda: secrets.create_secret(Name=fresh(), SecretString="x", Tags=tags(51)))


def policy(account, **more):
    statement = {"Effect": "Allow", "Principal": {"AWS": account if account == "*" else f"arn:aws:iam::{account}:root"},
                 "Action": "secretsmanager:GetSecretValue", "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@case("resource policies are kept, validated, and not public if asked for")
def _():
    name, _ = create()
    good, public = policy("111122223333"), policy("*")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=name)
    secrets.put_resource_policy(SecretId=name, ResourcePolicy=good, BlockPublicPolicy=True)
    equal(json.loads(secrets.get_resource_policy(SecretId=name)["ResourcePolicy"]), json.loads(good))
    refused("PublicPolicyException", lambda: secrets.put_resource_policy(SecretId=name, ResourcePolicy=public, BlockPublicPolicy=True))
    for bad in ("{", "{}", json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Maybe"}]})):
        refused("MalformedPolicyDocumentException", lambda: secrets.put_resource_policy(SecretId=name, ResourcePolicy=bad))
    refused((INVALID, PARAMETER), lambda: secrets.put_resource_policy(SecretId=name, ResourcePolicy=good + " " * 20480))
    equal(secrets.validate_resource_policy(SecretId=name, ResourcePolicy=good)["PolicyValidationPassed"], True)
    verdict = secrets.validate_resource_policy(ResourcePolicy=public)
    equal((verdict["PolicyValidationPassed"], len(verdict["ValidationErrors"])), (False, 1))
    secrets.delete_resource_policy(SecretId=name)
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=name)


@case("GetRandomPassword has what it is asked for")
def _():
    ask = lambda **m: secrets.get_random_password(**m)["RandomPassword"]
    lower, upper, digits, rest = string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation
    for _ in range(20):
        p = ask(PasswordLength=4)
        assert all(set(p) & set(kind) for kind in (lower, upper, digits, rest)), p
    equal((len(ask()), len(ask(PasswordLength=4096))), (32, 4096))
    for flag, kind in (("ExcludeLowercase", lower), ("ExcludeUppercase", upper), ("ExcludeNumbers", digits), ("ExcludePunctuation", rest)):
        assert not set(ask(PasswordLength=1000, **{flag: True})) & set(kind), flag
    assert " " in ask(PasswordLength=4000, IncludeSpace=True) and " " not in ask(PasswordLength=4000)
    assert not set(ask(PasswordLength=1000, ExcludeCharacters="abc@0")) & set("abc@0")
    equal(len(ask(PasswordLength=1, RequireEachIncludedType=False)), 1)
    for bad in ({"PasswordLength": 0}, {"PasswordLength": 4097}, {"PasswordLength": 3},
                {"ExcludeLowercase": True, "ExcludeUppercase": True, "ExcludeNumbers": True, "ExcludePunctuation": True}):
        refused((PARAMETER, INVALID), lambda: ask(**bad))


@case("replicas follow their primary, are read only, and can be let go or removed")
def _():
    far = boto3.client("secretsmanager", region_name="us-west-2", config=once)
    name, _ = create(Tags=[{"Key": "a", "Value": "b"}])
    status = secrets.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": "us-west-2"}, {"Region": "eu-west-1"}])
    equal({s["Region"] for s in status["ReplicationStatus"]}, {"us-west-2", "eu-west-1"})
    synced = lambda: all(s["Status"] == "InSync" for s in describe(name)["ReplicationStatus"])
    assert eventually(synced)
    there = far.describe_secret(SecretId=name)
    equal((there["PrimaryRegion"], there["ARN"]), (region, describe(name)["ARN"].replace(region, "us-west-2")))
    version = put(name, "two")
    assert eventually(lambda: far.get_secret_value(SecretId=name)["VersionId"] == version)
    equal(far.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"], "one")
    for call, more in ((far.put_secret_value, {"SecretString": "x"}), (far.update_secret, {"Description": "x"}), (far.delete_secret, {}),
                       (far.rotate_secret, {}), (far.tag_resource, {"Tags": []})):
        refused(REQUEST, lambda: call(SecretId=name, **more))
    refused(REQUEST, lambda: secrets.delete_secret(SecretId=name), "replica")
    refused(REQUEST, lambda: secrets.stop_replication_to_replica(SecretId=name))
    far.stop_replication_to_replica(SecretId=name)
    far.put_secret_value(SecretId=name, SecretString="its own")
    far.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    left = secrets.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=["eu-west-1"])
    equal(left.get("ReplicationStatus", []), [])
    refused((REQUEST, PARAMETER), lambda: secrets.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": region}]))
    refused(INVALID, lambda: secrets.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": "nowhere"}]))
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@case("regions do not see each other's secrets")
def _():
    name, _ = create()
    far = boto3.client("secretsmanager", region_name="ap-south-1", config=once)
    refused(NOT_FOUND, lambda: far.get_secret_value(SecretId=name))
    refused(NOT_FOUND, lambda: far.get_secret_value(SecretId=describe(name)["ARN"]))


@case("an operation that Secrets Manager does not have is refused as such")
def _():
    status, _, answer = raw("secretsmanager.MakeSecret", {})
    equal((status, answer["__type"]), (400, "UnknownOperationException"))
    status, _, answer = raw("secretsmanager.GetSecretValue", ["no", "object"])
    equal((status, answer["__type"]), (400, "SerializationException"))
