// Package sqs is Amazon SQS on the wire: a [Service] is an http.Handler with
// queues in memory that the AWS SDKs, the AWS CLI and boto3 can talk to.
//
// It promises what the SQS API Reference and the SQS Developer Guide promise.
// A message that was sent is delivered until somebody deletes it, its
// retention ends, its queue is purged, or its redrive policy moves it to the
// dead-letter queue; while one receiver holds it, it is hidden from the others;
// within a message group of a FIFO queue nothing overtakes. Requests that AWS
// would refuse are refused with the same code and HTTP status.
//
// Both protocols are spoken: AWS JSON 1.0, and the query protocol (form in, XML
// out) of clients from before 2023. Signatures are accepted unchecked; the
// region is read from the credential scope, and queues of one region are not
// visible in another.
//
// The package knows nothing of Lambda, of the tenant, or of what is in a body.
//
// # Time
//
// All rules run on Options.Now, so a sandbox can move time; call
// [Service.Wake] after a jump, or wait for the next look at the clock. Only how
// long a long poll waits is real time, since on its other end is a real client
// with a real timeout.
//
// # Mischief
//
// SQS delivers at least once, answers get lost, and requests are throttled; a
// good program lives with it and a good day does not show it. [Service.SetMischief]
// makes it visible on demand: see [Fault].
//
// # Divergences
//
//   - Strongly consistent: attribute changes, purges, deletions of queues and
//     counts take effect at once, where AWS takes up to a minute, and a short
//     poll sees every message, where AWS samples its servers.
//   - A standard queue hands out messages in the order in which they became
//     visible. AWS promises no order. A MessageGroupId on a standard queue is
//     kept and returned, but nothing is scheduled fairly.
//   - No authorization: policies are stored as they are and never evaluated;
//     KMS attributes are kept and encrypt nothing. AddPermission and
//     RemovePermission write statements into the policy.
//   - ReceiveRequestAttemptId is accepted and ignored.
//   - An old receipt handle of a message that was received again changes
//     nothing, successfully, both in DeleteMessage and in ChangeMessageVisibility.
//     AWS documents this for the former only.
//   - Changing the visibility of a message whose timeout has passed hides it
//     again, on a standard queue; AWS also answers MessageNotInflight at times.
//   - A message whose dead-letter queue has been deleted stays where it is and
//     is delivered again.
//   - maxReceiveCount counts the receives from the queue that has the policy,
//     so that a chain of dead-letter queues behaves.
//   - A move task without a rate runs to its end before StartMessageMoveTask
//     returns, and moves only messages that are visible when their turn comes.
//   - A changed DelaySeconds is for messages sent afterwards, on FIFO queues too,
//     where AWS applies it to those that are there.
//   - Queue URLs name the host that the client asked for, as
//     http://host/account/name; any host in a QueueUrl is accepted.
package sqs
