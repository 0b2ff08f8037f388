"""The rotation engine of Secrets Manager, with the sandbox's own rotation function."""
import json
import os
import ssl
import time
import urllib.request

from aws_cases_kit import (case, create, describe, equal, eventually, move, put, refused, secrets, stages, token, value)

REQUEST, PARAMETER, NOT_FOUND = "InvalidRequestException", "InvalidParameterException", "ResourceNotFoundException"
FUNCTION = os.environ["ROTATE_SECRET_FUNCTION_ARN"]
INCOMPLETE = "A previous rotation isn't complete. That rotation will be reattempted."


def rotate(name, **more):
    return secrets.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, **more)["VersionId"]


def post(path, body, bearer=None):
    domain = os.environ["AUTH0_DOMAIN"]
    headers = {"content-type": "application/json", **({"authorization": "Bearer " + bearer} if bearer else {})}
    request = urllib.request.Request(f"https://{domain}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=os.environ["AUTH0_CA_FILE"]), timeout=60) as r:
        return json.load(r)


def ours():
    """Makes a client of the tenant, and the secret that the function keeps for it."""
    domain = os.environ["AUTH0_DOMAIN"]
    login = {"grant_type": "client_credentials", "client_id": os.environ["AUTH0_CLIENT_ID"],
             "client_secret": os.environ["AUTH0_CLIENT_SECRET"], "audience": f"https://{domain}/api/v2/"}
    bearer = post("/oauth/token", login)["access_token"]
    client = post("/api/v2/clients", {"name": "cases", "app_type": "non_interactive", "grant_types": ["client_credentials"],
                                      "token_endpoint_auth_method": "client_secret_post"}, bearer)
    stored = {"client_id": client["client_id"], "client_secret": client["client_secret"],
              "token_endpoint_auth_method": "client_secret_post", "token_endpoint": f"https://{domain}/oauth/token"}
    tags = {"clientkeeper:managed": "true", "clientkeeper:tenant": domain, "clientkeeper:client-id": client["client_id"]}
    return create(json.dumps(stored), Tags=[{"Key": k, "Value": v} for k, v in tags.items()])


def over(name):
    """Waits until nothing is pending beside the current version, and the engine has said how it ended."""
    assert eventually(lambda: not any(s == ["AWSPENDING"] for s in stages(name).values()), 120), stages(name)


def log():
    path = os.environ.get("SANDBOX_LOG")
    return open(path, encoding="utf-8").read() if path else None


@case("S37 S40 S42 S44 a rotation answers at once; a failing step ends it, and moves nothing")
def _():
    name, v1 = create("not what the function expects")
    assert "RotationEnabled" not in describe(name)
    t = token()
    equal(rotate(name, ClientRequestToken=t), t)
    equal(stages(name), {v1: ["AWSCURRENT"], t: ["AWSPENDING"]})
    for which in ({"VersionId": t}, {"VersionStage": "AWSPENDING"}, {"VersionId": t, "VersionStage": "AWSPENDING"}):
        refused(NOT_FOUND, lambda: value(name, **which))
    time.sleep(1)
    equal((stages(name), value(name)), ({v1: ["AWSCURRENT"], t: ["AWSPENDING"]}, "not what the function expects"))
    about = describe(name)
    equal((about["RotationEnabled"], about["RotationLambdaARN"], "LastRotatedDate" in about), (True, FUNCTION, False))


@case("S38 S70 a rotation that is not complete refuses another, and its version takes a value")
def _():
    name, v1 = create("not what the function expects")
    t = rotate(name)
    refused(REQUEST, lambda: rotate(name), INCOMPLETE)
    refused(REQUEST, lambda: rotate(name, ClientRequestToken=t), INCOMPLETE)
    equal(secrets.put_secret_value(SecretId=name, SecretString="filled", ClientRequestToken=t, VersionStages=["AWSPENDING"])["VersionId"], t)
    equal((stages(name), value(name, VersionId=t, VersionStage="AWSPENDING")), ({v1: ["AWSCURRENT"], t: ["AWSPENDING"]}, "filled"))
    refused("ResourceExistsException", lambda: secrets.put_secret_value(SecretId=name, SecretString="other", ClientRequestToken=t))


@case("S38 a label put by hand blocks a rotation as well, until it is removed")
def _():
    name, v1 = create("not what the function expects")
    v2 = put(name, "by hand", "AWSPENDING")
    refused(REQUEST, lambda: rotate(name), INCOMPLETE)
    equal("RotationEnabled" in describe(name), False)
    move(name, "AWSPENDING", v2)
    t = rotate(name)
    equal(stages(name), {v1: ["AWSCURRENT"], t: ["AWSPENDING"]})


@case("S46 CancelRotateSecret keeps the function, the rules and the labels")
def _():
    name, v1 = create("not what the function expects")
    refused(REQUEST, lambda: secrets.cancel_rotate_secret(SecretId=name))
    t = rotate(name, RotationRules={"ScheduleExpression": "rate(10 days)", "Duration": "3h"})
    equal(secrets.cancel_rotate_secret(SecretId=name)["Name"], name)
    about = describe(name)
    equal((about["RotationEnabled"], about["RotationLambdaARN"]), (False, FUNCTION))
    equal(about["RotationRules"], {"ScheduleExpression": "rate(10 days)", "Duration": "3h"})
    equal((stages(name), "NextRotationDate" in about), ({v1: ["AWSCURRENT"], t: ["AWSPENDING"]}, False))
    listed = secrets.list_secret_version_ids(SecretId=name)["Versions"]
    equal({v["VersionId"]: v["VersionStages"] for v in listed}, stages(name))
    refused(REQUEST, lambda: secrets.rotate_secret(SecretId=name), INCOMPLETE)
    move(name, "AWSPENDING", t)
    secrets.rotate_secret(SecretId=name)


@case("S35 S36 a rotation needs a function that can be invoked, and otherwise leaves nothing behind")
def _():
    name, v1 = create()
    refused(REQUEST, lambda: secrets.rotate_secret(SecretId=name), "No Lambda rotation function ARN is associated with this secret.")
    refused("AccessDeniedException", lambda: secrets.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION + "Nobody"),
            "Secrets Manager cannot invoke the specified Lambda function.")
    equal((stages(name), "RotationEnabled" in describe(name)), ({v1: ["AWSCURRENT"]}, False))


@case("S62 S63 rules that cannot be are refused, and leave nothing behind")
def _():
    name, v1 = create()
    for bad in ({"AutomaticallyAfterDays": 3, "ScheduleExpression": "rate(3 days)"}, {"ScheduleExpression": "rate(1 hour)"},
                {"ScheduleExpression": "rate(3 hours)"}, {"ScheduleExpression": "rate(1 minute)"}, {"ScheduleExpression": "rate(0 days)"},
                {"ScheduleExpression": "daily"}, {"ScheduleExpression": "cron(0/30 * * * ? *)"}, {"ScheduleExpression": "cron(0 8 * * *)"},
                {"ScheduleExpression": "rate(4 hours)", "Duration": "5h"}, {"ScheduleExpression": "cron(0 22 * * ? *)", "Duration": "3h"},
                {"ScheduleExpression": "rate(10 days)", "Duration": "25h"}, {"ScheduleExpression": "rate(10 days)", "Duration": "3"},
                {"AutomaticallyAfterDays": 0}, {"AutomaticallyAfterDays": 1001}, {"Duration": "3h"}):
        refused((PARAMETER, "ValidationException"), lambda: rotate(name, RotationRules=bad))
    equal((stages(name), "RotationEnabled" in describe(name)), ({v1: ["AWSCURRENT"]}, False))


@case("S64 a schedule is echoed, and says when")
def _():
    name, _ = create("not what the function expects")
    for rules, days in (({"ScheduleExpression": "rate(10 days)", "Duration": "3h"}, 11), ({"AutomaticallyAfterDays": 30}, 31),
                        ({"ScheduleExpression": "cron(0 8 1 * ? *)"}, 32), ({"ScheduleExpression": "rate(4 hours)", "Duration": "1h"}, 1)):
        rotate(name, RotationRules=rules, RotateImmediately=False)
        over(name)
        about = describe(name)
        equal((about["RotationEnabled"], about["RotationRules"]), (True, rules))
        assert 0 < about["NextRotationDate"].timestamp() - time.time() < days * 86400, about["NextRotationDate"]


@case("S43 RotateImmediately=false tests the function and leaves no AWSPENDING")
def _():
    name, v1 = ours()
    before = value(name)
    t = rotate(name, RotateImmediately=False, RotationRules={"AutomaticallyAfterDays": 30})
    assert t != v1
    over(name)
    equal((stages(name), value(name)), ({v1: ["AWSCURRENT"]}, before))
    refused(NOT_FOUND, lambda: value(name, VersionId=t))
    about = describe(name)
    equal((about["RotationEnabled"], "LastRotatedDate" in about, "NextRotationDate" in about), (True, False, True))
    if log() is not None:
        assert eventually(lambda: f"testSecret of {name}" in log()), "no testSecret"
        assert f"createSecret of {name}" not in log(), "a step was called that was not to be"


@case("S39 S41 S44 S45 S65 S72 a rotation makes its version current, in four steps, with the stored function")
def _():
    name, v1 = ours()
    move(name, "AWSPENDING", None, v1)
    was = json.loads(value(name))
    t = rotate(name, RotationRules={"AutomaticallyAfterDays": 30})
    assert eventually(lambda: describe(name).get("LastRotatedDate"), 120), stages(name)
    equal(stages(name), {v1: ["AWSPREVIOUS"], t: ["AWSCURRENT"]})
    now = json.loads(value(name))
    assert now["client_secret"] != was["client_secret"] and now["client_id"] == was["client_id"]
    equal(json.loads(value(name, VersionStage="AWSPREVIOUS")), was)
    assert describe(name)["NextRotationDate"].timestamp() > time.time()
    if log() is not None:
        steps = lambda: [w[w.index("of") - 1] for w in map(str.split, log().splitlines()) if name + "," in w]
        assert eventually(lambda: steps()[-4:] == ["createSecret", "setSecret", "testSecret", "finishSecret"]), steps()

    equal(rotate(name, ClientRequestToken=t), t)  # a repeated request is no second rotation
    equal(stages(name), {v1: ["AWSPREVIOUS"], t: ["AWSCURRENT"]})
    refused(REQUEST, lambda: rotate(name, ClientRequestToken=v1))
    first = describe(name)["LastRotatedDate"]
    again = secrets.rotate_secret(SecretId=name)["VersionId"]
    assert eventually(lambda: describe(name)["LastRotatedDate"] > first, 120), stages(name)
    equal(stages(name), {t: ["AWSPREVIOUS"], again: ["AWSCURRENT"]})
    equal((describe(name)["RotationLambdaARN"], describe(name)["RotationRules"]), (FUNCTION, {"AutomaticallyAfterDays": 30}))


@case("S75 a rotation that failed is tried again with the same version, and completes")
def _():
    name, v1 = ours()
    good = value(name)
    broken = secrets.put_secret_value(SecretId=name, SecretString="broken")["VersionId"]
    t = rotate(name)
    time.sleep(0.5)
    equal(stages(name), {v1: ["AWSPREVIOUS"], broken: ["AWSCURRENT"], t: ["AWSPENDING"]})
    move(name, "AWSCURRENT", broken, v1)
    equal(value(name), good)

    def asked():  # whoever asks for another rotation makes the service go on with this one
        if "AWSCURRENT" not in stages(name).get(t, []):
            try:
                secrets.rotate_secret(SecretId=name)
            except secrets.exceptions.InvalidRequestException:
                time.sleep(0.5)
        return "AWSCURRENT" in stages(name).get(t, [])

    assert eventually(asked, 120), stages(name)


@case("a value that somebody makes current abandons the rotation")
def _():
    name, _ = create("not what the function expects")
    t = rotate(name)
    v2 = put(name, "by hand")
    equal(stages(name)[v2], ["AWSCURRENT"])
    assert t not in stages(name), stages(name)
