"""Queues of SQS: receiving, settling, dead letters, moves, and the queues themselves."""
import json
import threading
import time
import uuid

from aws_cases_kit import arn, attributes, case, equal, eventually, one, queue, receive, refused, region, send, sqs

VALUE, PREFIX, INVALID_HANDLE = "InvalidParameterValue", "AWS.SimpleQueueService.", "ReceiptHandleIsInvalid"
GONE = PREFIX + "NonExistentQueue"


def delete(url, handle):
    return sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def hide(url, handle, seconds):
    return sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds)


def dead_letter(times, fifo=False, **more):
    dlq = queue(fifo)
    policy = json.dumps({"deadLetterTargetArn": arn(dlq), "maxReceiveCount": times})
    return queue(fifo, RedrivePolicy=policy, **more), dlq


@case("Q02 a message that was not deleted comes again, with another handle")
def _():
    q = queue(VisibilityTimeout="1")
    send(q)
    first, again = one(q), one(q)
    equal(again["Attributes"]["ApproximateReceiveCount"], "2")
    assert again["ReceiptHandle"] != first["ReceiptHandle"]
    for name in ("ApproximateFirstReceiveTimestamp", "SentTimestamp", "SenderId"):
        equal(again["Attributes"][name], first["Attributes"][name])


@case("Q03 Q04 Q06 a receive is for 1 to 10 messages, 0 to 20 seconds, and hides for 0 to 43200")
def _():
    q = queue()
    for bad in ({"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 0}, {"WaitTimeSeconds": 21}, {"WaitTimeSeconds": -1},
                {"VisibilityTimeout": 43201}, {"VisibilityTimeout": -1}):
        refused(VALUE, lambda: receive(q, **bad), next(iter(bad)))
    assert "Messages" not in sqs.receive_message(QueueUrl=q)


@case("Q05 a long poll ends when a message arrives")
def _():
    q = queue()
    began = time.monotonic()
    threading.Timer(1, lambda: send(q, "late")).start()
    equal(one(q, WaitTimeSeconds=20)["Body"], "late")
    assert time.monotonic() - began < 20


@case("Q07 Q09 Q10 visibility is changed from now on, 12 hours at most, for a message that is there")
def _():
    q = queue()
    send(q)
    m = one(q)
    hide(q, m["ReceiptHandle"], 0)
    again = one(q)
    for bad in (-1, 43201):
        refused(VALUE, lambda: hide(q, again["ReceiptHandle"], bad))
    hide(q, again["ReceiptHandle"], 43000)
    delete(q, again["ReceiptHandle"])
    refused(VALUE, lambda: hide(q, again["ReceiptHandle"], 1), "Message does not exist or is not available for visibility timeout change.")
    refused(INVALID_HANDLE, lambda: hide(q, "garbage", 1), status=404)
    answer = sqs.change_message_visibility_batch(QueueUrl=q, Entries=[{"Id": "a", "ReceiptHandle": "garbage", "VisibilityTimeout": 1}])
    equal([(f["Id"], f["Code"], f["SenderFault"]) for f in answer["Failed"]], [("a", INVALID_HANDLE, True)])


@case("Q11 Q12 Q43 deleting twice succeeds, and a handle that is none does not")
def _():
    q = queue()
    send(q)
    send(q)
    m, n = one(q), one(q)
    delete(q, m["ReceiptHandle"])
    delete(q, m["ReceiptHandle"])
    refused(INVALID_HANDLE, lambda: delete(q, "garbage"), status=404)
    answer = sqs.delete_message_batch(QueueUrl=q, Entries=[{"Id": "a", "ReceiptHandle": n["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "garbage"}])
    equal(([s["Id"] for s in answer["Successful"]], answer["ResponseMetadata"]["HTTPStatusCode"]), (["a"], 200))
    equal([(f["Id"], f["Code"], f["SenderFault"]) for f in answer["Failed"]], [("b", INVALID_HANDLE, True)])
    equal(attributes(q)["ApproximateNumberOfMessagesNotVisible"], "0")
    for batch, more in ((sqs.delete_message_batch, {}), (sqs.change_message_visibility_batch, {"VisibilityTimeout": 1})):
        entry = lambda i: {"Id": str(i), "ReceiptHandle": "x", **more}
        refused(PREFIX + "EmptyBatchRequest", lambda: batch(QueueUrl=q, Entries=[]))
        refused(PREFIX + "TooManyEntriesInBatchRequest", lambda: batch(QueueUrl=q, Entries=[entry(i) for i in range(11)]))
        refused(PREFIX + "BatchEntryIdsNotDistinct", lambda: batch(QueueUrl=q, Entries=[entry(1), entry(1)]))
        refused(PREFIX + "InvalidBatchEntryId", lambda: batch(QueueUrl=q, Entries=[entry("a b")]))


@case("Q31 a handle of a FIFO queue expires with its timeout, one of a standard queue does not")
def _():
    q, fifo = queue(VisibilityTimeout="1"), queue(True, VisibilityTimeout="1", ContentBasedDeduplication="true")
    send(q)
    send(fifo, MessageGroupId="g")
    m, f = one(q), one(fifo)
    time.sleep(1.5)
    refused(VALUE, lambda: delete(fifo, f["ReceiptHandle"]), "The receipt handle has expired.")
    delete(q, m["ReceiptHandle"])
    equal(receive(q), [])
    equal(one(fifo)["Attributes"]["ApproximateReceiveCount"], "2")


@case("Q13 Q14 a message goes to the dead-letter queue with its next receive, and keeps id, body and count")
def _():
    q, dlq = dead_letter(1, VisibilityTimeout="0")
    sent = send(q, "bad", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    one(q)
    equal(receive(q), [])
    m = one(dlq, MessageAttributeNames=["All"])
    equal((m["MessageId"], m["Body"], m["MessageAttributes"]["a"]["StringValue"]), (sent["MessageId"], "bad", "b"))
    equal((m["Attributes"]["DeadLetterQueueSourceArn"], m["Attributes"]["ApproximateReceiveCount"]), (arn(q), "2"))
    equal(sqs.list_dead_letter_source_queues(QueueUrl=dlq)["queueUrls"], [q])


@case("Q44 a FIFO dead letter keeps its group")
def _():
    q, dlq = dead_letter(1, True, VisibilityTimeout="0", ContentBasedDeduplication="true")
    send(q, "bad", MessageGroupId="g")
    one(q)
    equal(receive(q), [])
    equal(one(dlq)["Attributes"]["MessageGroupId"], "g")


@case("Q36 a redrive policy names a queue that exists, of the same type, and 1 to 1000 receives")
def _():
    q, fifo, other = queue(), queue(True), queue()
    put = lambda policy: sqs.set_queue_attributes(QueueUrl=q, Attributes={"RedrivePolicy": policy})
    good = {"deadLetterTargetArn": arn(other), "maxReceiveCount": 3}
    for bad in ("{", "[]", json.dumps({"maxReceiveCount": 3}), json.dumps({**good, "deadLetterTargetArn": arn(other) + "-nobody"}),
                json.dumps({**good, "deadLetterTargetArn": arn(fifo)}), json.dumps({**good, "maxReceiveCount": 0}),
                json.dumps({**good, "maxReceiveCount": 1001}), json.dumps({**good, "more": 1}), json.dumps({**good, "deadLetterTargetArn": "x"})):
        refused(VALUE, lambda: put(bad), "RedrivePolicy")
    put(json.dumps({**good, "maxReceiveCount": "3"}))
    equal(json.loads(attributes(q)["RedrivePolicy"]), good)
    put("")
    assert "RedrivePolicy" not in attributes(q)


@case("a dead-letter queue may say whose it is")
def _():
    q, dlq = queue(), queue()
    allow = lambda **policy: sqs.set_queue_attributes(QueueUrl=dlq, Attributes={"RedriveAllowPolicy": json.dumps(policy)})
    use = lambda: sqs.set_queue_attributes(QueueUrl=q, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn(dlq), "maxReceiveCount": 1})})
    allow(redrivePermission="denyAll")
    refused(VALUE, use)
    allow(redrivePermission="byQueue", sourceQueueArns=[arn(queue())])
    refused(VALUE, use)
    allow(redrivePermission="byQueue", sourceQueueArns=[arn(q)])
    use()
    for bad in ({"redrivePermission": "some"}, {"redrivePermission": "byQueue"}, {"redrivePermission": "allowAll", "sourceQueueArns": [arn(q)]}):
        refused(VALUE, lambda: allow(**bad))


@case("dead letters are moved back, or elsewhere, by a task that can be listed")
def _():
    q, dlq = dead_letter(1, VisibilityTimeout="0")
    other = queue()
    for to, more in ((q, {}), (other, {"DestinationArn": arn(other)})):
        sent = send(q, "bad")
        one(q)
        equal(receive(q), [])
        assert sqs.start_message_move_task(SourceArn=arn(dlq), **more)["TaskHandle"]
        assert eventually(lambda: sqs.list_message_move_tasks(SourceArn=arn(dlq))["Results"][0]["Status"] == "COMPLETED")
        m = one(to)
        assert m["MessageId"] != sent["MessageId"]
        equal((m["Body"], m["Attributes"]["ApproximateReceiveCount"]), ("bad", "1"))
        sqs.delete_message(QueueUrl=to, ReceiptHandle=m["ReceiptHandle"])
    tasks = sqs.list_message_move_tasks(SourceArn=arn(dlq), MaxResults=10)["Results"]
    equal([(t["ApproximateNumberOfMessagesMoved"], t.get("DestinationArn")) for t in tasks], [(1, arn(other)), (1, None)])
    refused(VALUE, lambda: sqs.start_message_move_task(SourceArn=arn(q)), "Dead Letter Queue")
    refused("ResourceNotFoundException", lambda: sqs.start_message_move_task(SourceArn=arn(q) + "-nobody"), status=404)
    refused("ResourceNotFoundException", lambda: sqs.list_message_move_tasks(SourceArn=arn(q) + "-nobody"), status=404)
    for bad in (0, 501):
        refused(VALUE, lambda: sqs.start_message_move_task(SourceArn=arn(dlq), MaxNumberOfMessagesPerSecond=bad))


@case("a move task at a rate runs alone, and can be cancelled")
def _():
    q, dlq = dead_letter(1, VisibilityTimeout="0")
    for _ in range(3):
        sqs.send_message_batch(QueueUrl=q, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(10)])
    for _ in range(2):
        while receive(q, MaxNumberOfMessages=10):
            pass
    task = sqs.start_message_move_task(SourceArn=arn(dlq), MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    refused(VALUE, lambda: sqs.start_message_move_task(SourceArn=arn(dlq)), "There is already a task running.")
    equal(sqs.list_message_move_tasks(SourceArn=arn(dlq))["Results"][0]["TaskHandle"], task)
    assert sqs.cancel_message_move_task(TaskHandle=task)["ApproximateNumberOfMessagesMoved"] < 30
    refused(VALUE, lambda: sqs.cancel_message_move_task(TaskHandle=task), "Only active tasks can be cancelled.")
    assert eventually(lambda: sqs.list_message_move_tasks(SourceArn=arn(dlq))["Results"][0]["Status"] == "CANCELLED")
    refused((VALUE, "ResourceNotFoundException"), lambda: sqs.cancel_message_move_task(TaskHandle="garbage"))


@case("Q26 CreateQueue with the same attributes is done once, with others refused")
def _():
    name = "cases-" + uuid.uuid4().hex
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "40"})["QueueUrl"]
    for same in ({"VisibilityTimeout": "40"}, {}):
        equal(sqs.create_queue(QueueName=name, Attributes=same)["QueueUrl"], url)
    refused("QueueAlreadyExists", lambda: sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "41"}),
            "A queue already exists with the same name and a different value for attribute VisibilityTimeout")
    equal(sqs.get_queue_url(QueueName=name)["QueueUrl"], url)
    equal(sqs.list_queues(QueueNamePrefix=name)["QueueUrls"], [url])
    sqs.delete_queue(QueueUrl=url)
    refused(PREFIX + "QueueDeletedRecently", lambda: sqs.create_queue(QueueName=name))
    refused(GONE, lambda: sqs.get_queue_url(QueueName=name))


@case("Q35 names of queues have 1 to 80 letters, digits, - and _, and a FIFO queue's ends with .fifo")
def _():
    for bad, more in (("a b", {}), ("x" * 81, {}), ("a.b", {}), ("a.fifo", {}), ("a", {"FifoQueue": "true"}), ("x" * 76 + ".fifo", {"FifoQueue": "true"})):
        refused(VALUE, lambda: sqs.create_queue(QueueName=bad, Attributes=more))


@case("Q38 an unknown queue is refused in every operation")
def _():
    q = arn(queue()).replace("cases-", "nobody-").split(":")[-1]
    url = queue().rsplit("/", 1)[0] + "/" + q
    for call, more in ((sqs.send_message, {"MessageBody": "x"}), (sqs.receive_message, {}), (sqs.delete_message, {"ReceiptHandle": "x"}),
                       (sqs.purge_queue, {}), (sqs.delete_queue, {}), (sqs.get_queue_attributes, {"AttributeNames": ["All"]}),
                       (sqs.set_queue_attributes, {"Attributes": {"DelaySeconds": "1"}}), (sqs.list_queue_tags, {}),
                       (sqs.tag_queue, {"Tags": {"a": "b"}}), (sqs.untag_queue, {"TagKeys": ["a"]}),
                       (sqs.add_permission, {"Label": "a", "AWSAccountIds": ["111122223333"], "Actions": ["SendMessage"]}),
                       (sqs.remove_permission, {"Label": "a"}), (sqs.list_dead_letter_source_queues, {}),
                       (sqs.change_message_visibility, {"ReceiptHandle": "x", "VisibilityTimeout": 1}),
                       (sqs.send_message_batch, {"Entries": [{"Id": "a", "MessageBody": "x"}]}),
                       (sqs.delete_message_batch, {"Entries": [{"Id": "a", "ReceiptHandle": "x"}]})):
        refused(GONE, lambda: call(QueueUrl=url, **more))


@case("Q39 Q41 a queue has its defaults, and counts")
def _():
    q = queue()
    got = attributes(q)
    for name, want in (("VisibilityTimeout", "30"), ("MaximumMessageSize", "1048576"), ("MessageRetentionPeriod", "345600"),
                       ("SqsManagedSseEnabled", "true"), ("DelaySeconds", "0"), ("ReceiveMessageWaitTimeSeconds", "0"),
                       ("ApproximateNumberOfMessages", "0"), ("QueueArn", f"arn:aws:sqs:{region}:123456789012:{q.rsplit('/', 1)[1]}")):
        equal(got[name], want, name)
    assert "FifoQueue" not in got and "Policy" not in got
    send(q)
    equal(attributes(q)["ApproximateNumberOfMessages"], "1")
    one(q)
    equal((attributes(q)["ApproximateNumberOfMessages"], attributes(q)["ApproximateNumberOfMessagesNotVisible"]), ("0", "1"))
    fifo = attributes(queue(True))
    equal([fifo[n] for n in ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")], ["true", "false", "queue", "perQueue"])


@case("attributes of queues have names, limits and types")
def _():
    q = queue()
    put = lambda **a: sqs.set_queue_attributes(QueueUrl=q, Attributes=a)
    for name, low, high in (("DelaySeconds", 0, 900), ("MaximumMessageSize", 1024, 1048576), ("MessageRetentionPeriod", 60, 1209600),
                            ("ReceiveMessageWaitTimeSeconds", 0, 20), ("VisibilityTimeout", 0, 43200)):
        for good in (low, high):
            put(**{name: str(good)})
        for bad in (str(low - 1), str(high + 1), "x", ""):
            refused("InvalidAttributeValue", lambda: put(**{name: bad}), name)
    for name in ("Nobody", "QueueArn", "CreatedTimestamp", "FifoQueue", "ContentBasedDeduplication"):
        refused("InvalidAttributeName", lambda: put(**{name: "true"}))
    refused("InvalidAttributeValue", lambda: put(Policy="{"))
    refused("InvalidAttributeName", lambda: sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["Nobody"]))
    refused("InvalidAttributeValue", lambda: sqs.set_queue_attributes(QueueUrl=queue(True), Attributes={"FifoThroughputLimit": "perMessageGroupId"}))
    equal(sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["DelaySeconds"])["Attributes"], {"DelaySeconds": "900"})
    put(KmsMasterKeyId="alias/mine")
    equal((attributes(q)["KmsMasterKeyId"], attributes(q)["SqsManagedSseEnabled"]), ("alias/mine", "false"))


@case("Q33 Q40 a purge and a deleted name take 60 seconds")
def _():
    q = queue()
    send(q)
    sqs.purge_queue(QueueUrl=q)
    equal(receive(q), [])
    refused(PREFIX + "PurgeQueueInProgress", lambda: sqs.purge_queue(QueueUrl=q), "60 seconds", status=403)
    sqs.delete_queue(QueueUrl=q)
    refused(PREFIX + "QueueDeletedRecently", lambda: sqs.create_queue(QueueName=q.rsplit("/", 1)[1]), "You must wait 60 seconds")


@case("queues have up to 50 tags")
def _():
    q = queue()
    tags = {f"k{i}": str(i) for i in range(50)}
    sqs.tag_queue(QueueUrl=q, Tags=tags)
    sqs.tag_queue(QueueUrl=q, Tags={"k0": "changed"})
    refused(VALUE, lambda: sqs.tag_queue(QueueUrl=q, Tags={"k50": "x"}))
    equal(sqs.list_queue_tags(QueueUrl=q)["Tags"], {**tags, "k0": "changed"})
    sqs.untag_queue(QueueUrl=q, TagKeys=list(tags))
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=q)


@case("lists of queues turn pages")
def _():
    prefix = "cases-" + uuid.uuid4().hex
    urls = [sqs.create_queue(QueueName=f"{prefix}-{i}")["QueueUrl"] for i in range(5)]
    found, more = [], {}
    while True:
        page = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2, **more)
        found += page["QueueUrls"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    equal((sorted(found), "QueueUrls" in sqs.list_queues(QueueNamePrefix=prefix + "x")), (urls, False))
    for bad in (0, 1001):
        refused(VALUE, lambda: sqs.list_queues(MaxResults=bad))
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


@case("AddPermission and RemovePermission keep statements of the policy")
def _():
    q = queue()
    allow = lambda label, *actions, accounts=("111122223333",): sqs.add_permission(
        QueueUrl=q, Label=label, AWSAccountIds=list(accounts), Actions=list(actions))
    allow("first", "SendMessage", "ReceiveMessage", accounts=("111122223333", "444455556666"))
    allow("second", "*")
    policy = json.loads(attributes(q)["Policy"])
    equal([(s["Sid"], s["Effect"], s["Resource"]) for s in policy["Statement"]], [("first", "Allow", arn(q)), ("second", "Allow", arn(q))])
    equal(policy["Statement"][0]["Action"], ["SQS:SendMessage", "SQS:ReceiveMessage"])
    equal(policy["Statement"][0]["Principal"]["AWS"], ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"])
    equal((policy["Statement"][1]["Action"], policy["Statement"][1]["Principal"]["AWS"]), ("SQS:*", "arn:aws:iam::111122223333:root"))
    refused(VALUE, lambda: allow("first", "SendMessage"), "Already exists")
    refused(VALUE, lambda: allow("third", "CreateQueue"), "Only the queue owner is allowed to invoke this action.")
    refused(VALUE, lambda: allow("a b", "SendMessage"))
    refused("OverLimit", lambda: allow("third", *(["SendMessage"] * 8)), status=403)
    sqs.remove_permission(QueueUrl=q, Label="first")
    refused(VALUE, lambda: sqs.remove_permission(QueueUrl=q, Label="first"), "can't find label")
    equal([s["Sid"] for s in json.loads(attributes(q)["Policy"])["Statement"]], ["second"])
    sqs.remove_permission(QueueUrl=q, Label="second")
