"""Versions and staging labels of Secrets Manager."""
from aws_cases_kit import case, create, describe, equal, fresh, move, put, raw, refused, secrets, stages, token, value

NOT_FOUND, REQUEST, PARAMETER, EXISTS = ("ResourceNotFoundException", "InvalidRequestException", "InvalidParameterException",
                                         "ResourceExistsException")


@case("S01 CreateSecret's token is the version, and that is AWSCURRENT")
def _():
    name, t = fresh(), token()
    equal(secrets.create_secret(Name=name, SecretString="one", ClientRequestToken=t)["VersionId"], t)
    equal(stages(name), {t: ["AWSCURRENT"]})


@case("S02 a secret without a value has no version")
def _():
    name, version = create(None)
    equal(version, None)
    assert "VersionIdsToStages" not in describe(name)
    refused(NOT_FOUND, lambda: value(name), "can't find the specified secret value for staging label: AWSCURRENT")
    equal(secrets.list_secret_version_ids(SecretId=name)["Versions"], [])


@case("S03 S04 S05 a name is created once: by another token refused, by the same token and value the same")
def _():
    name, t = fresh(), token()
    first = secrets.create_secret(Name=name, SecretString="one", ClientRequestToken=t)
    refused(EXISTS, lambda: secrets.create_secret(Name=name, SecretString="one"), "already exists")
    again = secrets.create_secret(Name=name, SecretString="one", ClientRequestToken=t)
    equal((again["ARN"], again["VersionId"]), (first["ARN"], t))
    refused(EXISTS, lambda: secrets.create_secret(Name=name, SecretString="two", ClientRequestToken=t))
    equal(value(name), "one")


@case("S13 S14 PutSecretValue is idempotent by its token and value, and only so")
def _():
    name, v1 = create()
    t = token()
    for _ in range(2):
        equal(secrets.put_secret_value(SecretId=name, SecretString="two", ClientRequestToken=t)["VersionId"], t)
        equal(stages(name), {v1: ["AWSPREVIOUS"], t: ["AWSCURRENT"]})
    refused(EXISTS, lambda: secrets.put_secret_value(SecretId=name, SecretString="three", ClientRequestToken=t))
    refused(EXISTS, lambda: secrets.put_secret_value(SecretId=name, SecretBinary=b"two", ClientRequestToken=t))
    equal(value(name), "two")


@case("S11 AWSPREVIOUS follows AWSCURRENT, and a version without labels is deprecated")
def _():
    name, v1 = create()
    v2, v3 = put(name, "two"), put(name, "three")
    equal(stages(name), {v2: ["AWSPREVIOUS"], v3: ["AWSCURRENT"]})
    equal(value(name, VersionId=v1), "one")
    listed = secrets.list_secret_version_ids(SecretId=name)["Versions"]
    equal({v["VersionId"] for v in listed}, {v2, v3})
    equal({tuple(v["KmsKeyIds"]) for v in listed}, {("DefaultEncryptionKey",)})
    every = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    equal({v["VersionId"]: v.get("VersionStages", []) for v in every}, {v1: [], v2: ["AWSPREVIOUS"], v3: ["AWSCURRENT"]})


@case("S17 the first version of an empty secret is AWSCURRENT too")
def _():
    name, _ = create(None)
    v1 = put(name, "one", "AWSPENDING")
    equal(stages(name), {v1: ["AWSCURRENT", "AWSPENDING"]})


@case("S18 own labels leave AWSCURRENT where it is")
def _():
    name, v1 = create()
    v2 = put(name, "two", "A", "B")
    equal(stages(name), {v1: ["AWSCURRENT"], v2: ["A", "B"]})
    v3 = put(name, "three", "B", "AWSCURRENT")
    equal(stages(name), {v1: ["AWSPREVIOUS"], v2: ["A"], v3: ["AWSCURRENT", "B"]})
    equal(value(name, VersionStage="A"), "two")


@case("S21 a put without stages drops AWSPENDING from the version that was current")
def _():
    name, v1 = create()
    v2 = put(name, "two", "AWSPENDING")
    move(name, "AWSCURRENT", v1, v2)
    equal(stages(name), {v1: ["AWSPREVIOUS"], v2: ["AWSCURRENT", "AWSPENDING"]})
    v3 = put(name, "three")
    equal(stages(name), {v2: ["AWSPREVIOUS"], v3: ["AWSCURRENT"]})


@case("S09 AWSPENDING moves from one version to the next that asks for it")
def _():
    name, v1 = create()
    v2 = put(name, "two", "AWSPENDING")
    equal(stages(name), {v1: ["AWSCURRENT"], v2: ["AWSPENDING"]})
    v3 = put(name, "three", "AWSPENDING")
    equal(stages(name), {v1: ["AWSCURRENT"], v3: ["AWSPENDING"]})
    equal(value(name, VersionId=v2), "two")


@case("S22 S28 AWSCURRENT moves forth and back, and the default read with it")
def _():
    name, v1 = create()
    v2 = put(name, "two", "AWSPENDING")
    move(name, "AWSCURRENT", v1, v2)
    equal(value(name), "two")
    move(name, "AWSPENDING", v2)
    equal(stages(name), {v1: ["AWSPREVIOUS"], v2: ["AWSCURRENT"]})
    move(name, "AWSCURRENT", v2, v1)
    equal(stages(name), {v1: ["AWSCURRENT"], v2: ["AWSPREVIOUS"]})
    equal(value(name), "one")


@case("S23 S24 S76 AWSCURRENT moves only from the version that the caller names")
def _():
    name, v1 = create()
    v2, v3 = put(name, "two", "B"), put(name, "three", "C")
    before = stages(name)
    refused(PARAMETER, lambda: move(name, "AWSCURRENT", None, v2), "RemoveFromVersionId", v1)
    refused(PARAMETER, lambda: move(name, "AWSCURRENT", v3, v2))
    equal(stages(name), before)
    move(name, "AWSCURRENT", v1, v2)
    refused(PARAMETER, lambda: move(name, "AWSCURRENT", v1, v3))
    equal([v for v, s in stages(name).items() if "AWSCURRENT" in s], [v2])


@case("S25 S27 S29 other labels move and go away by the same rule, AWSCURRENT never goes away")
def _():
    name, v1 = create()
    v2, v3 = put(name, "two", "X"), put(name, "three", "Y")
    refused(PARAMETER, lambda: move(name, "X", None, v3))
    refused(PARAMETER, lambda: move(name, "X", v3))
    refused(PARAMETER, lambda: move(name, "AWSCURRENT", v1))
    refused(PARAMETER, lambda: move(name, "X"))
    move(name, "X", v2, v3)
    equal(stages(name), {v1: ["AWSCURRENT"], v3: ["X", "Y"]})
    move(name, "X", v3)
    equal(stages(name), {v1: ["AWSCURRENT"], v3: ["Y"]})
    move(name, "NEW", None, v2)
    equal(stages(name)[v2], ["NEW"])
    refused(NOT_FOUND, lambda: move(name, "NEW", v2, token()))
    move(name, "NEW", v2, v2)
    equal(stages(name)[v2], ["NEW"])


@case("S26 AWSPREVIOUS and AWSPENDING may be moved and removed by hand")
def _():
    name, v1 = create()
    v2 = put(name, "two")
    v3 = put(name, "three", "AWSPENDING")
    move(name, "AWSPREVIOUS", v1, v3)
    equal(stages(name), {v2: ["AWSCURRENT"], v3: ["AWSPENDING", "AWSPREVIOUS"]})
    move(name, "AWSPENDING", v3, v2)
    move(name, "AWSPREVIOUS", v3)
    equal(stages(name), {v2: ["AWSCURRENT", "AWSPENDING"]})


@case("S30 S31 S32 what a read names has to exist and to fit together")
def _():
    name, v1 = create()
    refused(NOT_FOUND, lambda: value(name, VersionStage="AWSPREVIOUS"),
            "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS")
    v2, missing = put(name, "two"), token()
    refused(REQUEST, lambda: value(name, VersionId=v1, VersionStage="AWSCURRENT"),
            "You provided a VersionStage that is not associated to the provided VersionId.")
    refused(NOT_FOUND, lambda: value(name, VersionId=missing), "VersionId: " + missing)
    equal(value(name, VersionId=v2, VersionStage="AWSCURRENT"), "two")
    equal(value(name, VersionId=v1, VersionStage="AWSPREVIOUS"), "one")


@case("S47 S48 UpdateSecret makes a version of a value, once, and none of a description")
def _():
    name, v1 = create()
    t = token()
    equal(secrets.update_secret(SecretId=name, SecretString="two", ClientRequestToken=t)["VersionId"], t)
    equal(stages(name), {v1: ["AWSPREVIOUS"], t: ["AWSCURRENT"]})
    refused(EXISTS, lambda: secrets.update_secret(SecretId=name, SecretString="two", ClientRequestToken=t))
    assert "VersionId" not in secrets.update_secret(SecretId=name, Description="what it is")
    equal((describe(name)["Description"], len(stages(name))), ("what it is", 2))
    equal(secrets.update_secret(SecretId=name, KmsKeyId="alias/mine", SecretString="three")["Name"], name)
    equal(describe(name)["KmsKeyId"], "alias/mine")
    equal(secrets.list_secret_version_ids(SecretId=name)["Versions"][-1]["KmsKeyIds"], ["alias/mine"])


@case("S54 a secret has 20 labels at most, in a call and in all")
def _():
    name, _ = create()
    refused(("ValidationException", PARAMETER), lambda: put(name, "two", *map(str, range(21))))
    put(name, "two", *(f"L{i}" for i in range(20)))
    refused("LimitExceededException", lambda: put(name, "three", "one more"))
    refused("ValidationException", lambda: put(name, "three", "x" * 257))


@case("S66 versions younger than a day are not purged, so that there is a last one")
def _():
    name, _ = create()
    for i in range(99):
        put(name, str(i))
    refused("LimitExceededException", lambda: put(name, "one too many"))
    refused("LimitExceededException", lambda: secrets.update_secret(SecretId=name, SecretString="one too many"))
    equal(value(name), "98")
    first = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, MaxResults=60)
    rest = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, NextToken=first["NextToken"])
    equal(len(first["Versions"]) + len(rest["Versions"]), 100)
    refused("InvalidNextTokenException", lambda: secrets.list_secret_version_ids(SecretId=name, NextToken="what"))


@case("S67 S10 S07 a value is a string or bytes, from 1 to 65,536 bytes")
def _():
    name, _ = create()
    refused((REQUEST, PARAMETER), lambda: secrets.put_secret_value(SecretId=name))
    refused(PARAMETER, lambda: secrets.put_secret_value(SecretId=name, SecretString="x", SecretBinary=b"x"))
    refused(PARAMETER, lambda: secrets.create_secret(Name=fresh(), SecretString="x", SecretBinary=b"x"))
    refused("ValidationException", lambda: put(name, "x" * 65537))
    put(name, "x" * 65536)
    binary = bytes(range(256))
    secrets.put_secret_value(SecretId=name, SecretBinary=binary)
    answer = secrets.get_secret_value(SecretId=name)
    equal((answer["SecretBinary"], "SecretString" in answer), (binary, False))


@case("S68 the same value for the same token moves no label, whatever stages it asks for")
def _():
    name, v1 = create()
    t = token()
    for want in (["AWSPENDING"], ["AWSCURRENT"]):
        secrets.put_secret_value(SecretId=name, SecretString="two", ClientRequestToken=t, VersionStages=want)
        equal(stages(name), {v1: ["AWSCURRENT"], t: ["AWSPENDING"]})


@case("S06 S08 S61 tokens have to be there and of 32 to 64 characters")
def _():
    name, _ = create()
    text = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
    for op, body, code in (("CreateSecret", {"Name": fresh(), "SecretString": "x"}, REQUEST),
                           ("PutSecretValue", {"SecretId": name, "SecretString": "x"}, REQUEST),
                           ("UpdateSecret", {"SecretId": name, "SecretString": "x"}, REQUEST),
                           ("RotateSecret", {"SecretId": name}, PARAMETER)):
        status, _, answer = raw("secretsmanager." + op, body)
        equal((status, answer["__type"], answer["Message"]), (400, code, text), op)
    for bad in ("x" * 31, "x" * 65):
        unborn = fresh()
        refused((PARAMETER, "ValidationException"),
                lambda: secrets.create_secret(Name=unborn, SecretString="x", ClientRequestToken=bad))
        refused(NOT_FOUND, lambda: describe(unborn))
