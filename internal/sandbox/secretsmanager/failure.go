package secretsmanager

import (
	"fmt"
	"net/http"
)

// A failure is an error answer: the short name of the exception, and a text
// that never holds a secret value. The zero status means 400, which is what
// AWS answers for every error of the caller, missing secrets included.
type failure struct {
	code    string
	message string
	status  int
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func (f *failure) httpStatus() int {
	if f.status == 0 {
		return http.StatusBadRequest
	}
	return f.status
}

func invalidParameter(format string, args ...any) error {
	return &failure{code: "InvalidParameterException", message: fmt.Sprintf(format, args...)}
}

func invalidRequest(format string, args ...any) error {
	return &failure{code: "InvalidRequestException", message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &failure{code: "ResourceNotFoundException", message: fmt.Sprintf(format, args...)}
}

func exists(format string, args ...any) error {
	return &failure{code: "ResourceExistsException", message: fmt.Sprintf(format, args...)}
}

func limitExceeded(format string, args ...any) error {
	return &failure{code: "LimitExceededException", message: fmt.Sprintf(format, args...)}
}

// notImitated refuses what exists in AWS but not here, so that nobody mistakes
// silence for success.
func notImitated(what string) error {
	return invalidRequest("%s is not imitated by this sandbox.", what)
}

func noSecret() error { return notFound("Secrets Manager can't find the specified secret.") }

func noVersion(id string) error {
	return notFound("Secrets Manager can't find the specified secret value for VersionId: %s", id)
}

func noLabel(label string) error {
	return notFound("Secrets Manager can't find the specified secret value for staging label: %s", label)
}

func markedForDeletion() error {
	return invalidRequest("You can't perform this operation on the secret because it was marked for deletion.")
}

func tokenInUse(arn string) error {
	return exists("You can't use ClientRequestToken because that value is already in use for a version of secret %s.", arn)
}
