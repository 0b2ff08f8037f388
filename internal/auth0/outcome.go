package auth0

import (
	"net/http"

	"clientkeeper/internal/fault"
)

// judgeOutcome reclassifies the failure of a call that must not be made twice,
// if what it asked for may have been done:
//
//	the answer                                  done      error
//	none, and the request never left            no        as it is
//	3xx, or 4xx other than 408                  no        as it is
//	none, 408 or 5xx                            perhaps   outcome_unknown
//	2xx that is cut off, or makes no sense      yes       outcome_unknown
func (in call) judgeOutcome(a answer, err error) error {
	refused := a.status >= 300 && a.status < 500 && a.status != http.StatusRequestTimeout
	if err == nil || in.repeatable || !a.sent || refused {
		return err
	}
	return unknownOutcome(in.op, err)
}

// unknownOutcome is [fault.Unavailable], because what comes next is another
// try, and has a reason of its own, because that try begins with a read.
func unknownOutcome(op string, cause error) error {
	return &fault.Error{
		Kind: fault.Unavailable, Op: op, Reason: reasonUnknown, Err: cause, RetryAfter: fault.RetryAfter(cause),
		Detail: "the tenant may have done this, for its answer was lost", Next: "read back before doing it again",
	}
}
