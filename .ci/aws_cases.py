"""Drives a running sandbox's Secrets Manager and SQS through named cases of what AWS documents, with boto3.

Usage: aws_cases.py [part of a case's name ...]. The environment is .sandbox/env; SANDBOX_LOG may name what the sandbox
prints, to see the steps of its rotations. Prints a table and exits with 1 if a case failed.
"""
import sys
import time
import traceback

import aws_cases_kit as kit
import aws_cases_labels  # noqa: F401  each registers its cases
import aws_cases_model  # noqa: F401
import aws_cases_queues  # noqa: F401
import aws_cases_rotation  # noqa: F401
import aws_cases_sending  # noqa: F401
import aws_cases_secrets  # noqa: F401


def main(wanted):
    failed, began = 0, time.monotonic()
    for name, run in kit.cases.items():
        if wanted and not any(w in name for w in wanted):
            continue
        start = time.monotonic()
        try:
            run()
            outcome = "ok"
        except Exception:  # whatever it is, the other cases run
            failed += 1
            outcome = "FAILED"
            detail = traceback.format_exc()
        print(f"{outcome:8} {time.monotonic() - start:5.1f}s  {name}", flush=True)
        if outcome == "FAILED":
            print(detail, flush=True)
    kit.tidy()
    print(f"{len(kit.cases)} cases, {failed} failed, {time.monotonic() - began:.0f}s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
