"""Sending to SQS: messages, attributes, batches, FIFO."""
import hashlib
import struct

from aws_cases_kit import case, equal, one, queue, raw, receive, refused, send, sqs

VALUE, MISSING, PREFIX = "InvalidParameterValue", "MissingParameter", "AWS.SimpleQueueService."


def md5_of(attributes):
    """As the developer guide says: sorted by name, each part with its length, 1 for text and 2 for bytes."""
    h = hashlib.md5()
    for name in sorted(attributes):
        a = attributes[name]
        data, kind = (a["BinaryValue"], b"\x02") if "BinaryValue" in a else (a["StringValue"].encode(), b"\x01")
        for part, mark in ((name.encode(), b""), (a["DataType"].encode(), kind), (data, b"")):
            h.update(struct.pack(">I", len(part)) + part + mark)
    return h.hexdigest()


@case("Q01 a received message is the one that was sent, and hidden from others")
def _():
    q = queue()
    sent = send(q, "grüße")
    equal(sent["MD5OfMessageBody"], hashlib.md5("grüße".encode()).hexdigest())
    m = one(q)
    equal((m["MessageId"], m["MD5OfBody"], m["Body"]), (sent["MessageId"], sent["MD5OfMessageBody"], "grüße"))
    equal(receive(q), [])


@case("Q18 Q20 Q32 a body has 1 to 1,048,576 bytes of allowed characters")
def _():
    q = queue()
    send(q, "x" * 1048576)
    refused(VALUE, lambda: send(q, "x" * 1048577), "Message must be shorter than 1048576 bytes")
    refused(VALUE, lambda: send(q, "x" * 1048570, MessageAttributes={"a": {"DataType": "String", "StringValue": "12345"}}))
    refused(MISSING, lambda: send(q, ""), "The request must contain the parameter MessageBody.")
    for bad in ("\u0001", "a\u0000", "\uffff", "\ufffe", "\u000b"):
        refused("InvalidMessageContents", lambda: send(q, bad))
    for good in ("\t\n\r", "\u0085", "\ufffd", "\U0010ffff"):
        send(q, good)
    small = queue(MaximumMessageSize="1024")
    send(small, "x" * 1024)
    refused(VALUE, lambda: send(small, "x" * 1025))


@case("Q21 Q22 message attributes have names, types and values, ten of them at most")
def _():
    q = queue()
    text = lambda v="x", t="String": {"DataType": t, "StringValue": v}
    bad = [{f"a{i}": text() for i in range(11)}, {"a": text("")}, {"a": text("x", "Number")}, {"a": text("x", "Text")},
           {"a": {"StringValue": "x"}}, {"a": {"DataType": "Binary", "BinaryValue": b""}}, {"aws.a": text()}, {"Amazon.a": text()},
           {".a": text()}, {"a.": text()}, {"a..b": text()}, {"a b": text()}, {"x" * 257: text()}, {"a": text("\u0001")}]
    for attributes in bad:
        refused((VALUE, "InvalidMessageContents"), lambda: send(q, MessageAttributes=attributes))
    send(q, MessageAttributes={f"a{i}": text() for i in range(10)})
    send(q, MessageAttributes={"n": text("-1.5e3", "Number.custom"), "x" * 256: text("x", "String.label")})


@case("Q23 Q24 attributes come back when they are named, with an MD5 of what came")
def _():
    q = queue(VisibilityTimeout="0")
    sent = {"a": {"DataType": "String", "StringValue": "é"}, "b.c": {"DataType": "Number", "StringValue": "1"},
            "b.d": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"}}
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5e3d83c1-e6a0db584850d61342823d4c"}}
    out = send(q, MessageAttributes=sent, MessageSystemAttributes=trace)
    equal((out["MD5OfMessageAttributes"], out["MD5OfMessageSystemAttributes"]), (md5_of(sent), md5_of(trace)))
    for wanted, want in ((["All"], {"a", "b.c", "b.d"}), ([".*"], {"a", "b.c", "b.d"}), (["b.*"], {"b.c", "b.d"}), (["a", "x"], {"a"})):
        m = receive(q, MessageAttributeNames=wanted)[0]
        got = {k: {kk: vv for kk, vv in v.items()} for k, v in m["MessageAttributes"].items()}
        equal((got, m["MD5OfMessageAttributes"]), ({k: sent[k] for k in want}, md5_of({k: sent[k] for k in want})), str(wanted))
    m = receive(q)[0]
    equal(("MessageAttributes" in m, "Attributes" in m, "MD5OfMessageAttributes" in m), (False, False, False))
    m = receive(q, MessageSystemAttributeNames=["AWSTraceHeader", "SentTimestamp"])[0]
    equal((set(m["Attributes"]), m["Attributes"]["AWSTraceHeader"]), ({"AWSTraceHeader", "SentTimestamp"}, trace["AWSTraceHeader"]["StringValue"]))
    equal(set(receive(q, AttributeNames=["All"])[0]["Attributes"]),
          {"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "AWSTraceHeader"})
    refused(VALUE, lambda: send(q, MessageSystemAttributes={"Other": trace["AWSTraceHeader"]}))
    refused("InvalidAttributeName", lambda: receive(q, MessageSystemAttributeNames=["Nobody"]))


@case("Q15 Q17 Q19 Q42 a batch of 1 to 10 entries with ids of their own, together below 1 MiB")
def _():
    q = queue()
    entries = lambda n, body="x": [{"Id": str(i), "MessageBody": body} for i in range(n)]
    batch = lambda e: sqs.send_message_batch(QueueUrl=q, Entries=e)
    refused(PREFIX + "TooManyEntriesInBatchRequest", lambda: batch(entries(11)))
    refused(PREFIX + "EmptyBatchRequest", lambda: batch([]))
    refused(PREFIX + "BatchEntryIdsNotDistinct", lambda: batch(entries(1) * 2))
    for bad in ("a b", "x" * 81, "a.b", ""):
        refused(PREFIX + "InvalidBatchEntryId", lambda: batch([{"Id": bad, "MessageBody": "x"}]))
    refused(PREFIX + "BatchRequestTooLong", lambda: batch(entries(2, "x" * 600000)), "1048576 bytes. You have sent 1200000 bytes.")
    equal(len(batch(entries(2, "x" * 200000))["Successful"]), 2)
    answer = batch([{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "\u0001"}, {"Id": "late", "MessageBody": "x", "DelaySeconds": 901}])
    equal(([s["Id"] for s in answer["Successful"]], answer["ResponseMetadata"]["HTTPStatusCode"]), (["good"], 200))
    equal([(f["Id"], f["SenderFault"], f["Code"]) for f in answer["Failed"]], [("bad", True, "InvalidMessageContents"), ("late", True, VALUE)])
    assert "Failed" not in batch(entries(10))


@case("Q08 a delay is up to 900 seconds, the message's own before the queue's")
def _():
    q = queue(DelaySeconds="900")
    send(q, "late")
    send(q, "now", DelaySeconds=0)
    equal(one(q)["Body"], "now")
    equal(sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["ApproximateNumberOfMessagesDelayed"])["Attributes"],
          {"ApproximateNumberOfMessagesDelayed": "1"})
    for bad in (-1, 901):
        refused(VALUE, lambda: send(q, DelaySeconds=bad), "DelaySeconds")


@case("Q37 a standard queue takes a group id and gives it back, and no deduplication id")
def _():
    q = queue()
    send(q, MessageGroupId="g")
    equal(one(q)["Attributes"]["MessageGroupId"], "g")
    refused(VALUE, lambda: send(q, MessageDeduplicationId="d"))
    for bad in ("", "x" * 129, "a b", "ü"):
        refused((VALUE, MISSING), lambda: send(q, MessageGroupId=bad))


@case("Q27 Q28 Q29 a FIFO queue knows a message again by its id or its body, also when it was deleted")
def _():
    q = queue(fifo=True)
    first = send(q, "one", MessageGroupId="g", MessageDeduplicationId="d")
    again = send(q, "two", MessageGroupId="g", MessageDeduplicationId="d")
    equal((again["MessageId"], again["SequenceNumber"]), (first["MessageId"], first["SequenceNumber"]))
    m = one(q)
    equal((m["Body"], m["Attributes"]["MessageDeduplicationId"], m["Attributes"]["SequenceNumber"], m["Attributes"]["MessageGroupId"]),
          ("one", "d", first["SequenceNumber"], "g"))
    sqs.delete_message(QueueUrl=q, ReceiptHandle=m["ReceiptHandle"])
    send(q, "three", MessageGroupId="g", MessageDeduplicationId="d")
    equal(receive(q), [])
    content = queue(fifo=True, ContentBasedDeduplication="true")
    for group in ("g", "h"):
        send(content, "same", MessageGroupId=group, MessageAttributes={"a": {"DataType": "String", "StringValue": group}})
    equal(len(receive(content, MaxNumberOfMessages=10)), 1)
    scoped = queue(fifo=True, ContentBasedDeduplication="true", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("g", "h", "g"):
        send(scoped, "same", MessageGroupId=group)
    equal(len(receive(scoped, MaxNumberOfMessages=10)), 2)


@case("Q30 a FIFO queue wants a group, a way to tell duplicates, and no delay")
def _():
    q = queue(fifo=True)
    refused(MISSING, lambda: send(q, MessageDeduplicationId="d"), "MessageGroupId")
    refused(VALUE, lambda: send(q, MessageGroupId="g"), "ContentBasedDeduplication")
    refused(VALUE, lambda: send(q, MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=1))
    send(q, MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=0)
    refused((MISSING, VALUE), lambda: sqs.send_message_batch(QueueUrl=q, Entries=[
        {"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "e"}, {"Id": "b", "MessageBody": "x"}]))


@case("Q34 within a group nothing overtakes, and other groups flow")
def _():
    q = queue(fifo=True, ContentBasedDeduplication="true")
    for i in range(4):
        send(q, f"{i}", MessageGroupId="ab"[i % 2])
    first = one(q)
    equal(first["Body"], "0")
    second = one(q)
    equal(second["Body"], "1")
    equal(receive(q, MaxNumberOfMessages=10), [])
    sqs.delete_message(QueueUrl=q, ReceiptHandle=first["ReceiptHandle"])
    equal(one(q)["Body"], "2")
    sqs.change_message_visibility(QueueUrl=q, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    equal([m["Body"] for m in receive(q, MaxNumberOfMessages=10)], ["1", "3"])


@case("Q25 errors have the shape of the JSON protocol and the code of the query protocol")
def _():
    status, headers, answer = raw("AmazonSQS.SendMessage", {"QueueUrl": "http://localhost/123456789012/nobody", "MessageBody": "x"}, "1.0")
    equal((status, answer["__type"], headers["x-amzn-query-error"]),
          (400, "com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue;Sender"))
    status, headers, answer = raw("AmazonSQS.SendMessage", {"MessageBody": "x"}, "1.0")
    equal((status, headers["x-amzn-query-error"]), (400, "MissingParameter;Sender"))
    status, headers, answer = raw("AmazonSQS.Send", {}, "1.0")
    equal((status, answer["__type"].split("#")[1]), (400, "UnknownOperationException"))
