package secretstore

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"clientkeeper/internal/fault"
)

// classify says what an error of the SDK means. It keeps the code of Secrets
// Manager's answer and drops its text, which may name what we sent.
func classify(op, action string, err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return unanswered(op, err)
	}
	out := &fault.Error{Op: op, Detail: "Secrets Manager answered " + api.ErrorCode()}
	switch api.ErrorCode() {
	case "ResourceNotFoundException":
		out.Kind, out.Next = fault.NotFound, "check the secret's name or ARN and region, and that the version has a value"
	case "AccessDeniedException", "AccessDenied":
		out.Kind = fault.Denied
		out.Next = "grant the function " + action + " on the secret, and kms:Decrypt if the secret has a key of its own"
	case "DecryptionFailure":
		out.Kind, out.Reason = fault.Denied, "kms"
		out.Next = "check that the secret's KMS key is enabled and that the function may use kms:Decrypt on it"
	case "InvalidRequestException":
		out.Kind = fault.Conflict
		out.Reason, out.Next = state(api.ErrorMessage())
	case "InvalidParameterException", "ValidationException":
		out.Kind, out.Next = fault.Invalid, "check the secret's name or ARN"
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded":
		out.Kind = fault.RateLimited
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"ExpiredToken", "ExpiredTokenException", "MissingAuthenticationToken", "MissingAuthenticationTokenException":
		out.Kind, out.Next = fault.Unauthenticated, "check the AWS credentials and the clock"
	default:
		if serverSide(api, err) {
			out.Kind = fault.Unavailable
		}
	}
	return out
}

// state tells the two things apart that one code stands for. Its answer is
// ours; the text is only looked into.
func state(text string) (reason, next string) {
	text = strings.ToLower(text)
	if strings.Contains(text, "deletion") || strings.Contains(text, "marked deleted") {
		return "scheduled_for_deletion", "restore the secret, or configure another"
	}
	return "stage_moved", "read the secret's staging labels again"
}

func serverSide(api smithy.APIError, err error) bool {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return api.ErrorFault() == smithy.FaultServer || api.ErrorCode() == "InternalServiceError" ||
		(ok && response.HTTPStatusCode() >= 500)
}

// unanswered is for failures on the way there and back.
func unanswered(op string, err error) error {
	out := &fault.Error{Kind: fault.Unavailable, Op: op, Detail: "Secrets Manager did not answer"}
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			out.Detail, out.Err = "the call was cut short", ended
			return out
		}
	}
	if _, sent := errors.AsType[*smithyhttp.RequestSendError](err); sent {
		return out
	}
	if _, answered := errors.AsType[*smithyhttp.ResponseError](err); answered {
		out.Detail = "Secrets Manager's answer cannot be read"
		return out
	}
	out.Detail, out.Next = "the call to Secrets Manager could not be made", "check the AWS credentials, region and endpoint"
	return out
}
