package handler

import (
	"fmt"

	"clientkeeper/internal/fault"
)

// panicked is what becomes of a panic. Its text is withheld, for it may hold
// anything.
func panicked(op string, p any) error {
	return &fault.Error{Kind: fault.Internal, Op: op, Reason: "panic", Detail: fmt.Sprintf("a panic with a %T", p)}
}
