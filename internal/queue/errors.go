package queue

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"clientkeeper/internal/fault"
)

// classify gives an SDK error its kind. It keeps the code of SQS's answer and
// drops the text, which may repeat what was sent. A code that is not listed may
// pass.
func classify(op, action string, err error) error {
	if err == nil {
		return nil
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return unanswered(op, err)
	}
	out := &fault.Error{Kind: fault.Unavailable, Op: op, Detail: "SQS answered " + api.ErrorCode()}
	// SQS still sends the codes of its query protocol, and the SDK shows those.
	switch code := strings.TrimPrefix(api.ErrorCode(), "AWS.SimpleQueueService."); code {
	case "NonExistentQueue", "QueueDoesNotExist":
		out.Kind, out.Reason, out.Next = fault.NotFound, "queue_missing", "check the queue's URL"
	case "InvalidAddress":
		out.Kind, out.Reason, out.Next = fault.Invalid, "queue_missing", "check the queue's URL and the region"
	case "MessageNotInflight":
		out.Kind, out.Reason = fault.NotFound, "message_gone"
	case "InvalidParameterValue":
		out.Kind = fault.Invalid
		if op == opHide { // the answer for a message that was deleted, or a receipt that has expired
			out.Kind, out.Reason = fault.NotFound, "message_gone"
		}
	case "ReceiptHandleIsInvalid", "InvalidMessageContents", "MissingParameter", "InvalidAttributeValue", "UnsupportedOperation":
		out.Kind = fault.Invalid
	case "AccessDenied", "AccessDeniedException", "KmsAccessDenied", "KMS.AccessDeniedException":
		out.Kind, out.Next = fault.Denied, "grant "+action+" on the queue, and the use of its key if it has one of its own"
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSecurity",
		"ExpiredToken", "ExpiredTokenException", "MissingAuthenticationToken":
		out.Kind, out.Next = fault.Unauthenticated, "check the AWS credentials and the clock"
	case "Throttling", "ThrottlingException", "RequestThrottled", "OverLimit", "KmsThrottled", "KMS.ThrottlingException":
		out.Kind = fault.RateLimited
	}
	return out
}

// unanswered is for failures on the way there and back.
func unanswered(op string, err error) error {
	out := &fault.Error{Kind: fault.Unavailable, Op: op, Detail: "SQS did not answer", Next: "check the network and AWS_ENDPOINT_URL"}
	_, sent := errors.AsType[*smithyhttp.RequestSendError](err)
	_, answered := errors.AsType[*smithyhttp.ResponseError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		out.Detail, out.Next, out.Err = "the call was cut short", "", context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		out.Detail, out.Next, out.Err = "the call was cut short", "", context.Canceled
	case !sent && !answered:
		out.Detail, out.Next = "the call to SQS could not be made", "check the AWS credentials, the region and the queue's URL"
	}
	return out
}
