package secretstore

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"clientkeeper/internal/fault"
)

// classify says what an error of the SDK means, for a call that needs the IAM
// action. It keeps the code of Secrets Manager's answer and drops its text,
// which may name what we sent.
func classify(op, action string, err error) *fault.Error {
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
		out.Next = "grant the function " + action + " on the secret, and " + keyActions(action) + " if the secret has a key of its own"
	case "DecryptionFailure", "EncryptionFailure":
		out.Kind, out.Reason = fault.Denied, "kms"
		out.Next = "check that the secret's KMS key is enabled and that the function may use " + keyActions(action) + " on it"
	case "InvalidRequestException":
		out.Kind, out.Reason, out.Next = state(api.ErrorMessage())
	case "ResourceExistsException":
		out.Kind, out.Reason = fault.Conflict, "exists"
	case "PreconditionNotMetException":
		out.Kind, out.Next = fault.Conflict, "check that the secret is not a replica; changes are made in its primary region"
	case "LimitExceededException":
		out.Kind, out.Reason = fault.RateLimited, "quota"
		out.Next = "write less often: versions younger than a day are kept, and a secret may have about 100"
	case "InvalidNextTokenException":
		out.Kind, out.Next = fault.Unavailable, "list again from the start"
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

// keyActions are what an action needs on the KMS key of the secret.
func keyActions(action string) string {
	switch action {
	case "secretsmanager:PutSecretValue", "secretsmanager:CreateSecret":
		return "kms:GenerateDataKey and kms:Decrypt"
	}
	return "kms:Decrypt"
}

// state tells the things apart that InvalidRequestException stands for. Its
// answer is ours; the text is only looked into.
func state(text string) (kind fault.Kind, reason, next string) {
	text = strings.ToLower(text)
	switch {
	case strings.Contains(text, "deletion"), strings.Contains(text, "marked deleted"):
		return fault.Conflict, "scheduled_for_deletion", "restore the secret, or configure another"
	case strings.Contains(text, "previous rotation"):
		return fault.Conflict, "rotation_in_progress", "let it end, or find out why AWSPENDING stays on a version of its own"
	case strings.Contains(text, "clientrequesttoken"):
		return fault.Conflict, "token_used", "use a new token"
	case strings.Contains(text, "no lambda rotation function"):
		return fault.Invalid, "no_rotation_function", "give the secret its rotation function"
	}
	return fault.Conflict, "stage_moved", "read the secret's staging labels again"
}

// codeOf is the code of Secrets Manager's answer, or empty.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func serverSide(api smithy.APIError, err error) bool {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return api.ErrorFault() == smithy.FaultServer || api.ErrorCode() == "InternalServiceError" ||
		(ok && response.HTTPStatusCode() >= 500)
}

// unanswered is for failures on the way there and back.
func unanswered(op string, err error) *fault.Error {
	out := &fault.Error{Kind: fault.Unavailable, Op: op, Detail: "Secrets Manager did not answer", Next: "check the network and AWS_ENDPOINT_URL"}
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			out.Detail, out.Next, out.Err = "the call was cut short", "", ended
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
