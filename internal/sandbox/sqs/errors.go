package sqs

import (
	"fmt"
	"strings"
)

// An apiError is a refusal as it goes over the wire. The JSON protocol names
// the shape, the query protocol (and the header that translates between them)
// the code; both and the status are those of the SQS API Reference, "Errors".
type apiError struct {
	shape   string
	code    string
	status  int
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// senderFault reports whether the client is to blame.
func (e *apiError) senderFault() bool { return e.status < 500 }

// fullShape is the error's __type. Errors that arise before SQS proper sees
// the request come from the framework in front of it, as on AWS.
func (e *apiError) fullShape() string {
	if strings.Contains(e.shape, "#") {
		return e.shape
	}
	return "com.amazonaws.sqs#" + e.shape
}

const (
	codePrefix = "AWS.SimpleQueueService."
	framework  = "com.amazon.coral.service#"
)

func invalidParameter(format string, args ...any) *apiError {
	return &apiError{"InvalidParameterValueException", "InvalidParameterValue", 400, fmt.Sprintf(format, args...)}
}

// invalidValue is the usual form of [invalidParameter].
func invalidValue(value any, parameter, reason string) *apiError {
	return invalidParameter("Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func missing(parameter string) *apiError {
	return &apiError{"MissingRequiredParameterException", "MissingParameter", 400,
		"The request must contain the parameter " + parameter + "."}
}

func noSuchQueue() *apiError {
	return &apiError{"QueueDoesNotExist", codePrefix + "NonExistentQueue", 400, "The specified queue does not exist."}
}

func noSuchResource(message string) *apiError {
	return &apiError{"ResourceNotFoundException", "ResourceNotFoundException", 404, message}
}

func unknownAttribute(name string) *apiError {
	return &apiError{"InvalidAttributeName", "InvalidAttributeName", 400, "Unknown Attribute " + name + "."}
}

func invalidAttribute(name, reason string) *apiError {
	message := "Invalid value for the parameter " + name + "."
	if reason != "" {
		message += " Reason: " + reason
	}
	return &apiError{"InvalidAttributeValue", "InvalidAttributeValue", 400, message}
}

func invalidHandle(handle string) *apiError {
	return &apiError{"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404,
		fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", clip(handle))}
}

func expiredHandle(handle string) *apiError {
	return invalidValue(clip(handle), "ReceiptHandle", "The receipt handle has expired.")
}

func invalidContents() *apiError {
	return &apiError{"InvalidMessageContents", "InvalidMessageContents", 400,
		"Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | " +
			"#xE000 to #xFFFD | #x10000 to #x10FFFF"}
}

func invalidAddress(url string) *apiError {
	return &apiError{"InvalidAddress", "InvalidAddress", 404,
		"The address " + clip(url) + " is not valid for this endpoint."}
}

func overLimit() *apiError {
	return overLimitOf("The maximum number of in flight messages of this queue is reached.")
}

func overLimitOf(format string, args ...any) *apiError {
	return &apiError{"OverLimit", "OverLimit", 403, fmt.Sprintf(format, args...)}
}

func unknownOperation(op string) *apiError {
	return &apiError{framework + "UnknownOperationException", "InvalidAction", 400,
		"The action " + clip(op) + " is not valid for this endpoint."}
}

func malformed(reason string) *apiError {
	return &apiError{framework + "SerializationException", "MalformedInput", 400, reason}
}

// batchError is an error about a batch as a whole.
func batchError(name, format string, args ...any) *apiError {
	return &apiError{name, codePrefix + name, 400, fmt.Sprintf(format, args...)}
}

// clip keeps what a client sent from filling an answer.
func clip(s string) string {
	const most = 1024
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
