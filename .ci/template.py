"""Transforms template.yaml as CloudFormation would, and holds what SAM adds by
itself to the rules that the template's own resources keep."""
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

template = yaml_parse(open("template.yaml"))
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://bucket/key"  # as sam package has it


class Policies:
    def load(self):
        return {}


resources = transform(template, {}, Policies())["Resources"]
mistakes = []
seen = {}
for name, resource in resources.items():
    kind, properties = resource["Type"], resource.get("Properties", {})
    seen[kind] = seen.get(kind, 0) + 1
    if kind == "AWS::Lambda::Function":
        own = name.removesuffix("Function") + "Role"
        if properties.get("Role") != {"Fn::GetAtt": [own, "Arn"]}:
            mistakes.append(f"{name} does not run as {own}")
        if properties.get("TracingConfig") != {"Mode": "Active"} or properties.get("LoggingConfig", {}).get("LogFormat") != "JSON":
            mistakes.append(f"{name} is not traced, or does not log JSON")
    if kind == "AWS::IAM::Role":
        # SAM's own role of CodeDeploy has a managed policy that is made for it.
        for arn in [str(a) for a in properties.get("ManagedPolicyArns", [])]:
            if "AWSCodeDeployRoleForLambda" not in arn:
                mistakes.append(f"{name} has the managed policy {arn}")
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement.get("Action", [])
                if any("*" in a for a in ([actions] if isinstance(actions, str) else actions)):
                    mistakes.append(f"{name} may {actions}")
    if kind == "AWS::Lambda::Version" and properties.get("Description") != {"Ref": "DeploymentCheck"}:
        mistakes.append(f"{name} is not published anew when the value of a parameter changes")
    if kind == "AWS::Lambda::Permission" and not ("SourceAccount" in properties and "SourceArn" in properties):
        mistakes.append(f"{name} is not bound to an account and a source")
    if kind == "AWS::Serverless::Function" or kind.startswith("AWS::Serverless"):
        mistakes.append(f"{name} was not transformed")
if seen.get("AWS::Lambda::Version", 0) < 3 or seen.get("AWS::Lambda::Function", 0) < 4 or seen.get("AWS::IAM::Role", 0) < 5:
    mistakes.append(f"only {seen}")
if mistakes:
    sys.exit("\n".join(mistakes))
print(f"{len(resources)} resources after SAM's transform, all within the rules")
